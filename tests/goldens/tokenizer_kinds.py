"""The kinds of tokenizers that gen_tokenizers.py trains: KINDS maps a name to a function from training text to a Tokenizer."""
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LINES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + LINES
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + LINES
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
O200K = "|".join([rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTIONS}?", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{CONTRACTIONS}?",
                  r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", LINES])
TEKKEN = "|".join([rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*",
                   r"\p{N}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", LINES])
ASIAN = "[一-龥ࠀ-一가-퟿]+"
DEEPSEEK_LLM = [r"[\r\n]", r"\s?[\p{Lu}\p{Ll}\p{Lt}]+", "\\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", ASIAN]
DEEPSEEK_CODER = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", ASIAN]
DEEPSEEK_V3 = [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
               r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|" + LINES]
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
KINDS = {}


def kind(function):
    KINDS[function.__name__] = function
    return function


def special(*texts):
    return [AddedToken(text, special=True, normalized=False) for text in texts]


def train_byte_bpe(training, pre_tokenizer, normalizer=None, vocab=700, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(training, trainers.BpeTrainer(
        vocab_size=vocab, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.add_special_tokens(special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    return tokenizer


def splits(*patterns, last=BYTES):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns] + [last])


@kind
def bpe_gpt2(training):
    return train_byte_bpe(training, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True))


@kind
def bpe_roberta(training):
    """With a space before the text, tokens around it, and a mask that takes the space before it."""
    tokenizer = train_byte_bpe(training, pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True))
    tokenizer.add_special_tokens(special("<s>", "</s>") + [AddedToken("<filename>", special=True, lstrip=True, normalized=True)])
    tokenizer.add_tokens([AddedToken("HELLO", single_word=True, normalized=True), AddedToken("->", rstrip=True, normalized=False)])
    ids = {token: tokenizer.token_to_id(token) for token in ("<s>", "</s>")}
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]))
    return tokenizer


@kind
def bpe_smollm(training):
    return train_byte_bpe(training, pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]))


@kind
def bpe_llama3(training):
    tokenizer = train_byte_bpe(training, splits(LLAMA3), ignore_merges=True)
    begin = "<|endoftext|>"
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin} $B", special_tokens=[(begin, tokenizer.token_to_id(begin))])])
    return tokenizer


@kind
def bpe_qwen2(training):
    return train_byte_bpe(training, splits(QWEN2), normalizers.NFC())


@kind
def bpe_o200k(training):
    return train_byte_bpe(training, splits(O200K))


@kind
def bpe_tekken(training):
    return train_byte_bpe(training, splits(TEKKEN), ignore_merges=True)


@kind
def bpe_deepseek_llm(training):
    digits = pre_tokenizers.Digits(individual_digits=False)
    parts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in DEEPSEEK_LLM]
    return train_byte_bpe(training, pre_tokenizers.Sequence(parts + [digits, BYTES]))


@kind
def bpe_deepseek_coder(training):
    digits = pre_tokenizers.Digits(individual_digits=True)
    parts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in DEEPSEEK_CODER]
    return train_byte_bpe(training, pre_tokenizers.Sequence(parts + [digits, BYTES]))


@kind
def bpe_deepseek_v3(training):
    return train_byte_bpe(training, splits(*DEEPSEEK_V3))


@kind
def bpe_falcon(training):
    """Digits and a pattern after the bytes have become characters: both see the byte-level alphabet."""
    return train_byte_bpe(training, pre_tokenizers.Sequence([
        pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")]))


@kind
def bpe_command_r(training):
    return train_byte_bpe(training, pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]),
        normalizers.NFC())


@kind
def bpe_split_behaviors(training):
    """Every behaviour of Split, inverted and of literals, over a few classes of characters."""
    split = pre_tokenizers.Split
    return train_byte_bpe(training, pre_tokenizers.Sequence([
        split("\n", "merged_with_previous"), split("=", "merged_with_next"), split("o", "contiguous"),
        split(Regex(r"[^ ]+"), "removed", invert=True), split(Regex(r"\p{Lu}"), "merged_with_next"),
        split(Regex(r"\p{Nd}{2}"), "isolated"), BYTES]))
