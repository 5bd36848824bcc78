#!/usr/bin/env python3
"""Normalizers, pre-tokenizer steps, models and decoders by Hugging Face tokenizers; SentencePiece's BPE by sentencepiece.

usage: gen_tokenizer_parts.py   writes tokenizer_parts.txt beside itself
needs: tokenizers 0.22.2, sentencepiece 0.2, protobuf

A line is fields with tabs between; \\t \\n \\r \\\\ are escapes. The first field:
  C  the charsmap of the "precompiled" normalizer in base64
  N  normalizer, text, result          P  pre-tokenizer, text, pieces...     D  decoder, text, tokens...
  V  model, token, score, type, ...    M  model, left, right                 E  model, word, ids with spaces between
The names stand for what src/tokenizer/test_parts.h and token_models_test.cc make of them.
"""
import base64
import json
import os
import random
import tempfile

import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
SPACE = "\u2581"
TEXTS = [
    "Hello World", "  two  spaces   here ", "\tTab\r\nline\u0085next\u2028sep", "naïve café Ångström ﬁnance",
    "e\u0301 a\u0308\u0304 o\u0304\u0308 q\u0323\u0307 q\u0307\u0323", "ｆｕｌｌｗｉｄｔｈ　ＡＢＣ１２３", "½ ² ℃ Ⅷ ㌔ ﷺ ①",
    "한국어 각 \u1100\u1161\u11a8 \uac00\u11a8", "东京タワー、がぎぐ か\u3099 ハ\u309a ﾊﾟ", "İstanbul IŞIK ǅ ẞ ΣΑΣ", "don't we'll it's U.S.A. (see) [x] {y}",
    "a-b--c- -d", "12 345,678.90 ٣٤٥ १२३ ⅷ", "👍🏽 👩‍👩‍👧 🇩🇪🇫🇷 ❤️", "नमस्ते क्षत्रिय", "كِتَابٌ שָׁלוֹם", "\u200bzero\u200dwidth\ufeff soft\u00adhyphen",
    "x\u0001y\u0007z\u007f\ufffd", SPACE + "meta" + SPACE + SPACE + "space" + SPACE, " ", "a", SPACE, "!?", "_under_score_ __",
    "中文 mixed 文字 text，。", "\u0344 \u0958 \u0f73 \u2126 \u212b", "ÀÁÂ àáâ ÑÖÜ", "ſ ﬅ ﬆ ĳ ŉ", "line one\n\nline two\n", "tabs\t\tand   spaces",
    "Привет МИР ЁЛКА", "$1+1=2€ £3 <tag> `code` ~ ^", "“quotes” ‘single’ «guillemets» — – …", "e\u0301\u0327\u0323 \u0061\u0315\u0300\u05ae\u0062",
]


def escape(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def small_charsmap(folder):
    """A charsmap with rules of every kind: one to one, to many, to none, combining pairs, a longer key over a shorter one."""
    rules = {"\u3000": " ", "\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u0085": " ", "ﬁ": "fi", "½": "1\u20442", "℃": "°C", "①": "1",
             "\u200b": "", "\u0007": "", "e\u0301": "é", "o\u0308": "ö", "o\u0308\u0304": "ȫ", "\u304b\u3099": "が", "ﷺ": "صلى الله عليه وسلم", "A": "a",
             "\u1100\u1161": "가", "…": "..."}
    rules.update({chr(0xFF01 + i): chr(0x21 + i) for i in range(94)})
    tsv, text = os.path.join(folder, "rules.tsv"), os.path.join(folder, "text")
    with open(tsv, "w") as file:
        for source, target in rules.items():
            file.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
    with open(text, "w") as file:
        file.write("hello world\n" * 50)
    sentencepiece.SentencePieceTrainer.train(input=text, model_prefix=os.path.join(folder, "rules"), vocab_size=14, minloglevel=2,
                                             normalization_rule_tsv=tsv, model_type="char")
    return sentencepiece_model.ModelProto.FromString(open(os.path.join(folder, "rules.model"), "rb").read()).normalizer_spec.precompiled_charsmap


def make_normalizers(charsmap):
    n = normalizers
    return {
        "nfc": n.NFC(), "nfd": n.NFD(), "nfkc": n.NFKC(), "nfkd": n.NFKD(), "lowercase": n.Lowercase(), "strip_accents": n.StripAccents(),
        "nfd_strip_accents": n.Sequence([n.NFD(), n.StripAccents()]), "strip": n.Strip(), "strip_left": n.Strip(True, False),
        "strip_right": n.Strip(False, True), "byte_level": n.ByteLevel(), "nmt": n.Nmt(),
        "llama": n.Sequence([n.Prepend(SPACE), n.Replace(" ", SPACE)]), "gemma": n.Replace(" ", SPACE),
        "bert_uncased": n.BertNormalizer(True, True, True, True), "bert_cased": n.BertNormalizer(True, True, False, False),
        "bert_lowercase": n.BertNormalizer(False, False, False, True), "precompiled": n.Precompiled(charsmap),
        "t5": n.Sequence([n.Precompiled(charsmap), n.Strip(False, True), n.Replace(Regex(" {2,}"), SPACE)]),
    }


def make_pre_tokenizers():
    p = pre_tokenizers
    made = {
        "metaspace": p.Metaspace(SPACE, "always", True), "metaspace_first": p.Metaspace(SPACE, "first", True),
        "metaspace_never": p.Metaspace(SPACE, "never", True), "metaspace_whole": p.Metaspace(SPACE, "always", False),
        "bert": p.BertPreTokenizer(), "whitespace": p.Whitespace(), "whitespace_split": p.WhitespaceSplit(), "dash": p.CharDelimiterSplit("-"),
        "digits": p.Digits(True), "digits_contiguous": p.Digits(False), "punctuation": p.Punctuation("isolated"),
    }
    for behavior, suffix in (("removed", "removed"), ("merged_with_previous", "previous"), ("merged_with_next", "next"), ("contiguous", "contiguous")):
        made["punctuation_" + suffix] = p.Punctuation(behavior)
    return made


def make_decoders():
    d = decoders
    spaces = d.Replace(SPACE, " ")
    return {
        "byte_level": d.ByteLevel(), "byte_level_strip": d.Sequence([d.ByteLevel(), d.Strip(" ", 2, 0)]),
        "llama": d.Sequence([spaces, d.ByteFallback(), d.Fuse(), d.Strip(" ", 1, 0)]),
        "gemma": d.Sequence([spaces, d.ByteFallback(), d.Fuse()]), "fuse_strip": d.Sequence([d.Fuse(), d.Strip("a", 2, 3)]),
        "metaspace": d.Metaspace(SPACE, "always"), "metaspace_never": d.Metaspace(SPACE, "never"), "wordpiece": d.WordPiece("##", True),
        "wordpiece_plain": d.WordPiece("##", False), "replace_expression": d.Replace(Regex("[aeiou]+"), "*"),
        "fuse_replace": d.Sequence([d.Fuse(), d.Replace("ab", "X")]), "bpe": d.BPEDecoder("</w>"), "none": None,
    }


def token_lists(name, pick):
    pools = {
        "byte_level": ["Ġhello", "Ġ", "a", "Ã", "©", "ðŁ", "ĺ", "Ģ", "Ċ", "<|end of|>", "ĠÃ©", "é", "Ģ"],
        "metaspace": [SPACE, SPACE + "he", "llo", SPACE + "wor", "ld", SPACE + SPACE, "<0x41>", "é", "a" + SPACE + "b"],
        "llama": [SPACE, SPACE + "he", "llo", SPACE + SPACE, "<0xE2>", "<0x82>", "<0xAC>", "<0x41>", "<0x0A>", "<0xFF>", "<s>", "<0x4>", "<0xZZ>", "é"],
        "wordpiece": ["hello", "##ing", "##s", ".", ",", "!", "?", "don", "'", "t", "n't", "'m", "'s", "do not", "[SEP]", "##", "'ve", "'re"],
        "bpe": ["he", "llo</w>", "wor", "ld</w>", "a</w>b</w>", "</w>", "x"],
        "fuse_strip": ["a", "aa", "b", "ab", "ba", "aba", "aaa"],
        "replace_expression": ["hello", "aeiou", "xyz", "queue", "é"],
    }
    base = {"byte_level_strip": "byte_level", "gemma": "llama", "metaspace_never": "metaspace", "wordpiece_plain": "wordpiece", "fuse_replace": "fuse_strip",
            "none": "metaspace"}.get(name, name)
    # One b at least: the reference stops when a Strip from both ends meets itself.
    tail = ["b", "b"] if name == "fuse_strip" else []
    for length in list(range(1, 10)) * 4:
        tokens = [pick.choice(pools[base]) for _ in range(length)]
        yield tokens[:2] + tail + tokens[2:] if tail else tokens


def training_text(pick):
    words = "the lighthouse keeper keeps keys naïve café über straße привет мир человек 東京 世界 hello world hellhe lower lowest newer wider 12 2024".split()
    return [" ".join(pick.choice(words) for _ in range(12)) for _ in range(300)]


def model_words(pick):
    letters = "abeehlorstw \u2581é世東z👍\u0301"
    words = ["", "the", "lowest", "hellohello", "unknownzzz", "世界", "👍👍", "zzz世zzz", "<unk>", "a" * 150]
    return words + ["".join(pick.choice(letters) for _ in range(pick.randint(1, 40))) for _ in range(60)]


def train_models(lines, folder, pick):
    text = training_text(pick)
    trained = {}
    bpe = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    bpe.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "always")
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    bpe.train_from_iterator(text, trainers.BpeTrainer(vocab_size=420, special_tokens=["<unk>"] + bytes_, limit_alphabet=40, show_progress=False))
    state = json.loads(bpe.to_str())["model"]
    vocabulary, merges = state["vocab"], [tuple(m) for m in state["merges"]]
    few = {t: i for i, t in enumerate(t for t in sorted(vocabulary, key=vocabulary.get) if t not in ("<0xE4>", "<0xF0>"))}
    make = lambda vocab, **options: models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", **options)
    trained["bpe_bytes"] = (make(vocabulary, byte_fallback=True, fuse_unk=True), vocabulary, merges)
    trained["bpe_fuse"] = (make(vocabulary, fuse_unk=True), vocabulary, merges)
    trained["bpe_unknown"] = (make(vocabulary), vocabulary, merges)
    trained["bpe_few_bytes"] = (make(few, byte_fallback=True, fuse_unk=True), few, merges)
    trained["bpe_ignore_merges"] = (make(vocabulary, byte_fallback=True, fuse_unk=True, ignore_merges=True), vocabulary, merges)
    affix = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    affix.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    affix.train_from_iterator(text, trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>"], continuing_subword_prefix="##",
                                                        end_of_word_suffix="</w>", show_progress=False))
    state = json.loads(affix.to_str())["model"]
    trained["bpe_affixes"] = (affix.model, state["vocab"], [tuple(m) for m in state["merges"]])
    wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    wordpiece.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    wordpiece.train_from_iterator(text, trainers.WordPieceTrainer(vocab_size=150, special_tokens=["[PAD]", "[UNK]"], show_progress=False))
    trained["wordpiece"] = (wordpiece.model, wordpiece.get_vocab(), [])
    unigram = Tokenizer(models.Unigram())
    unigram.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, "always")
    unigram.train_from_iterator(text, trainers.UnigramTrainer(vocab_size=160, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False))
    scores = [tuple(entry) for entry in json.loads(unigram.to_str())["model"]["vocab"]]
    trained["unigram"] = (models.Unigram(scores, 0, False), scores, [])
    trained["unigram_bytes"] = (models.Unigram(scores + [(b, -20.0) for b in bytes_], 0, True), scores + [(b, -20.0) for b in bytes_], [])
    for name, (model, vocabulary, merges) in trained.items():
        entries = vocabulary if isinstance(vocabulary, list) else [(t, 0.0) for t in sorted(vocabulary, key=vocabulary.get)]
        lines += [["V", name, token, repr(score)] for token, score in entries]
        lines += [["M", name, left, right] for left, right in merges]
        tokenizer = Tokenizer(model)
        lines += [["E", name, word, " ".join(map(str, tokenizer.encode(word, add_special_tokens=False).ids))] for word in model_words(pick)]


def train_sentencepiece(lines, folder, pick):
    path = os.path.join(folder, "train")
    with open(path, "w") as file:
        file.write("\n".join(training_text(pick)))
    for name, options in (("sentencepiece_bytes", {"byte_fallback": True, "vocab_size": 420}), ("sentencepiece", {"vocab_size": 160})):
        sentencepiece.SentencePieceTrainer.train(
            input=path, model_prefix=os.path.join(folder, name), model_type="bpe", minloglevel=2, normalization_rule_name="identity",
            add_dummy_prefix=False, remove_extra_whitespaces=False, character_coverage=0.99, user_defined_symbols=["hell", SPACE * 2], **options)
        path_of_model = os.path.join(folder, name + ".model")
        proto = sentencepiece_model.ModelProto.FromString(open(path_of_model, "rb").read())
        for number, piece in enumerate(proto.pieces):
            if number % 37 == 36 and piece.type == 1 and len(piece.piece) > 2:
                piece.type = 5  # unused: joins, and comes apart at the end
        processor = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
        lines += [["V", name, piece.piece, repr(piece.score), str(piece.type)] for piece in proto.pieces]
        for word in model_words(pick):
            lines.append(["E", name, word.replace(" ", SPACE), " ".join(map(str, processor.encode(word)))])


def main():
    pick = random.Random(20251122)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        charsmap = small_charsmap(folder)
        lines.append(["C", base64.b64encode(charsmap).decode()])
        for name, normalizer in make_normalizers(charsmap).items():
            lines += [["N", name, text, normalizer.normalize_str(text)] for text in TEXTS]
        for name, step in make_pre_tokenizers().items():
            lines += [["P", name, text] + [piece for piece, _ in step.pre_tokenize_str(text)] for text in TEXTS]
        for name, decoder in make_decoders().items():
            for tokens in token_lists(name, pick):
                lines.append(["D", name, decoder.decode(tokens) if decoder else " ".join(tokens)] + tokens)
        train_models(lines, folder, pick)
        train_sentencepiece(lines, folder, pick)
    with open(os.path.join(HERE, "tokenizer_parts.txt"), "w", newline="\n") as file:
        for fields in lines:
            file.write("\t".join(map(escape, fields)) + "\n")


if __name__ == "__main__":
    main()
