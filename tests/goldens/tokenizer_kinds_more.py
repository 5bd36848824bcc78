"""The kinds of gen_tokenizers.py that are no byte-level BPE: SentencePiece's two models and WordPiece, as their families use them."""
import json
import os
import tempfile

import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizer_kinds import kind, special

SPACE = "\u2581"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LLAMA_DECODER = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])


def train_character_bpe(training, vocab=1000):
    """A trained model with bytes; the training sees words, the model whole texts."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "always")
    tokenizer.train_from_iterator(training, trainers.BpeTrainer(
        vocab_size=vocab, show_progress=False, limit_alphabet=300, special_tokens=["<unk>", "<s>", "</s>"] + BYTES))
    # The trainer makes every one of them an added token; only the first three are.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = state["added_tokens"][:3]
    return Tokenizer.from_str(json.dumps(state))


def with_bos(tokenizer):
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))])
    return tokenizer


@kind
def spm_llama2(training):
    """Llama 2 and the first Mistral: everything in the normalizer, no pre-tokenizer."""
    tokenizer = with_bos(train_character_bpe(training))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    tokenizer.pre_tokenizer = None
    tokenizer.decoder = LLAMA_DECODER
    return tokenizer


@kind
def spm_mistral(training):
    """Later ones: a Metaspace that does not split and prepends at the start only; user tokens of its own."""
    tokenizer = with_bos(train_character_bpe(training))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "first", split=False)
    tokenizer.decoder = LLAMA_DECODER
    tokenizer.add_special_tokens(special("<|im_start|>", "<|im_end|>"))
    tokenizer.add_tokens([AddedToken("<filename>", normalized=False), AddedToken("hahaha", normalized=True)])
    return tokenizer


@kind
def spm_gemma(training):
    """No space before the text, a split that the normalizer leaves nothing to do, runs of spaces as added tokens."""
    tokenizer = train_character_bpe(training)
    tokenizer.normalizer = normalizers.Replace(" ", SPACE)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_tokens([AddedToken(SPACE * n, normalized=False) for n in range(2, 8)] + [AddedToken("\n" * n, normalized=False) for n in range(1, 4)])
    return tokenizer


@kind
def bpe_clip(training):
    """BPE of words with an end mark, lower case."""
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", fuse_unk=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder("</w>")
    tokenizer.train_from_iterator(training, trainers.BpeTrainer(
        vocab_size=800, show_progress=False, limit_alphabet=300, end_of_word_suffix="</w>", special_tokens=["<|endoftext|>"]))
    return tokenizer


def train_unigram(training, normalizer, pre_tokenizer, first, vocab=1200):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.decoder = decoders.Metaspace(SPACE, "always")
    tokenizer.train_from_iterator(training, trainers.UnigramTrainer(
        vocab_size=vocab, show_progress=False, special_tokens=first, unk_token="<unk>", max_piece_length=12))
    return tokenizer


def small_charsmap():
    """Rules of the kinds that NFKC has, few of each: the full map has a quarter of a megabyte."""
    rules = {"\u3000": " ", "\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "ﬁ": "fi", "½": "1\u20442", "²": "2", "Ⅷ": "VIII", "\u200b": "", "\u0007": "",
             "\u00ad": "", "…": "..."}
    rules.update({chr(0xFF01 + i): chr(0x21 + i) for i in range(94)})
    for base in "aeiounqcASZ":
        for mark in "\u0300\u0301\u0302\u0303\u0308\u030a":
            composed = normalizers.NFC().normalize_str(base + mark)
            if len(composed) == 1:
                rules[base + mark] = composed
    rules.update({c + "\u3099": chr(ord(c) + 1) for c in "かきくけこさしすせそ"})
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        with open(path("rules"), "w") as file:
            file.write("".join(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n"
                               for source, target in rules.items()))
        with open(path("text"), "w") as file:
            file.write("hello world\n" * 50)
        sentencepiece.SentencePieceTrainer.train(input=path("text"), model_prefix=path("m"), vocab_size=14, minloglevel=2, model_type="char",
                                                 normalization_rule_tsv=path("rules"))
        return sentencepiece_model.ModelProto.FromString(open(path("m.model"), "rb").read()).normalizer_spec.precompiled_charsmap


@kind
def unigram_t5(training):
    """A charsmap, spaces made one, every word with its space; an end token."""
    steps = normalizers.Sequence([normalizers.Precompiled(small_charsmap()), normalizers.Strip(left=False, right=True),
                                  normalizers.Replace(Regex(" {2,}"), SPACE)])
    tokenizer = train_unigram(training, steps, pre_tokenizers.Metaspace(SPACE, "always"), ["<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return tokenizer


@kind
def unigram_xlmr(training):
    """NFKC, words cut at white space first, a mask that takes the space before it."""
    tokenizer = train_unigram(training, normalizers.NFKC(),
                              pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(SPACE, "always")]),
                              ["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    return tokenizer


@kind
def unigram_bytes(training):
    """Unknown text as bytes, no pre-tokenizer, no charsmap."""
    trained = train_unigram(training, normalizers.Replace(" ", SPACE), pre_tokenizers.Metaspace(SPACE, "always"), ["<unk>"])
    state = json.loads(trained.to_str())
    rare = lambda piece: len(piece) == 1 and ord(piece) % 3 == 0 and ord(piece) > 0x7F and piece != SPACE
    pieces = [tuple(entry) for entry in state["model"]["vocab"] if not rare(entry[0])] + [(token, 0.0) for token in BYTES]
    tokenizer = Tokenizer(models.Unigram(pieces, 0, True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    tokenizer.decoder = LLAMA_DECODER
    tokenizer.add_special_tokens(special("<unk>"))
    return tokenizer


def train_wordpiece(training, normalizer):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece("##", True)
    tokenizer.train_from_iterator(training, trainers.WordPieceTrainer(
        vocab_size=1200, show_progress=False, limit_alphabet=400, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


@kind
def wordpiece_uncased(training):
    return train_wordpiece(training, normalizers.BertNormalizer())


@kind
def wordpiece_cased(training):
    return train_wordpiece(training, normalizers.BertNormalizer(lowercase=False, strip_accents=False))
