#!/usr/bin/env bash
# tokenizers.sh GPT2_TOKENIZER_FOLDER T5_TOKENIZER_FOLDER [COUNT [SEED]]: holds octet's tokenizers against the Python packages `tokenizers` and
# `sentencepiece` on COUNT (10,000) random strings of mixed scripts and as many rows of random ids. The folders hold GPT-2's vocab.json and
# merges.txt, and T5's spiece.model. The same again with some 200 SentencePiece models of every option, trained and made up.
# Makes a Python environment on the first call.
set -euo pipefail
if [ $# -lt 2 ] || [ $# -gt 4 ]; then
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 2
fi
OCTET_GPT2_TOKENIZER=$(realpath "$1")
OCTET_T5_TOKENIZER=$(realpath "$2")
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x build/release/bin/octet_tests ] || { scripts/setup.sh && scripts/build.sh release octet_tests; }
env=${XDG_CACHE_HOME:-$HOME/.cache}/octet-tokenizers-venv
if ! "$env/bin/python" -c 'import sentencepiece, tokenizers' 2> /dev/null; then
    python3 -m venv "$env"
    # The version whose ids octet's reader makes; 0.2.3 breaks ties of equal scores another way.
    "$env/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: sentencepiece==0.2.0 tokenizers
fi
OCTET_TOKENIZER_STRINGS=$(mktemp "${TMPDIR:-/tmp}/octet-strings.XXXXXX")
OCTET_PIECE_MODELS=$(mktemp -d "${TMPDIR:-/tmp}/octet-pieces.XXXXXX")
trap 'rm -rf "$OCTET_TOKENIZER_STRINGS" "$OCTET_PIECE_MODELS"' EXIT
export OCTET_GPT2_TOKENIZER OCTET_T5_TOKENIZER OCTET_TOKENIZER_STRINGS OCTET_PIECE_MODELS
"$env/bin/python" tests/tokenizer_strings.py "$OCTET_GPT2_TOKENIZER" "$OCTET_T5_TOKENIZER" "$OCTET_TOKENIZER_STRINGS" "$@"
build/release/bin/octet_tests "random strings have the ids of the full-size tokenizers"
"$env/bin/python" tests/piece_strings.py "$OCTET_PIECE_MODELS" "$@"
build/release/bin/octet_tests "models of every option have the ids and texts of SentencePiece"
