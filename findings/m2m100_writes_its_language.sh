#!/usr/bin/env bash
# Translations by M2M-100 begin with the code of their language in Transformers 5.
#
# A model for many languages is made to begin a translation with the word piece of its language ("__de__"), and
# `decode(..., skip_special_tokens=True)` is to leave it out, as the documentation's own example has it. In
# Transformers 5.24.0 that word piece is no special one of `M2M100Tokenizer`, and is printed; it is one of `NllbTokenizer`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'transformers==5.24.0' 'sentencepiece==0.2.3'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import json

import sentencepiece
import transformers

with open("text.txt", "w") as file:
    file.write("the castle stands on a hill and the river runs behind it\n" * 3)
sentencepiece.SentencePieceTrainer.train(
    input="text.txt", model_prefix="pieces", vocab_size=40, hard_vocab_limit=False, minloglevel=2
)
pieces = sentencepiece.SentencePieceProcessor(model_file="pieces.model")
words = ["<s>", "<pad>", "</s>", "<unk>", *(pieces.id_to_piece(n) for n in range(pieces.get_piece_size()))]
with open("vocab.json", "w") as file:
    json.dump({word: n for n, word in enumerate(dict.fromkeys(words))}, file)
tokenizer = transformers.M2M100Tokenizer(vocab_file="vocab.json", spm_file="pieces.model")
nllb = transformers.NllbTokenizer(vocab={"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "▁": 4, "a": 5}, merges=[])

german = tokenizer.get_lang_id("de")
written = [tokenizer.eos_token_id, german, *tokenizer("the hill", add_special_tokens=False)["input_ids"]]
said = tokenizer.decode(written, skip_special_tokens=True)
print(f"Transformers {transformers.__version__}")
print(f"M2M-100: {said!r}; {german in tokenizer.all_special_ids=}")
other = nllb.convert_tokens_to_ids("deu_Latn")
print(f"NLLB:    {nllb.decode([2, other, 4, 5], skip_special_tokens=True)!r}; {other in nllb.all_special_ids=}")
assert "__de__" in said and german not in tokenizer.all_special_ids
assert other in nllb.all_special_ids
PYTHON
