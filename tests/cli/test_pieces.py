"""Hostile models of SentencePiece: 1,000 crafted ones of 34 kinds (102 with sanitizers) through the program. Each ends with exit code 0, or with 3 and one
printable line; what is broken is refused, and nothing takes long."""
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from octet_case import SOURCE_DIR, TESTDATA, OctetCase, main

sys.path.insert(0, str(SOURCE_DIR / "tests"))
import spiece  # noqa: E402

T5 = TESTDATA / "tiny-flan-t5"
PROMPT = "a aaaaaaaaaaaa where is Delhi?\u20ac  x\tA\u00c9 ab abc \ufb03 " + "a" * 300
COUNT = 102 if os.environ.get("OCTET_SANITIZE") else 1000
MOST_SECONDS = 10  # each takes milliseconds


class Pieces(OctetCase):
    def test_no_crafted_model_crashes_it(self):
        workers = os.cpu_count() or 1
        folders = [self.dir / f"m{worker}" for worker in range(workers)]
        for folder in folders:
            folder.mkdir()
            for name in ("config.json", "model.safetensors"):
                os.symlink(T5 / name, folder / name)
        free = list(folders)

        def check(case):
            kind, content, refused = case
            folder = free.pop()
            try:
                (folder / "spiece.model").write_bytes(content)
                start = time.monotonic()
                run = self.run_octet("generate", folder.name, "--prompt", PROMPT, "--max-new-tokens", 1)
                seconds = time.monotonic() - start
            finally:
                free.append(folder)
            wrong = []
            expected = {True: (3,), False: (0,), None: (0, 3)}[refused]
            if run.code not in expected:
                wrong.append(f"exit code {run.code}, not of {expected}")
            if run.code == 3 and (run.err.count("\n") != 1 or len(run.err) > 1000 or not run.err.rstrip("\n").isprintable()
                                  or not run.err.startswith(f"octet: {folder.name}/spiece.model: is not a SentencePiece model (")):
                wrong.append("not one printable line about the file")
            if seconds > MOST_SECONDS:
                wrong.append(f"{seconds:.1f} s")
            return kind, run.code, [f"{kind}: {what}: {run.err!r}" for what in wrong]

        with ThreadPoolExecutor(workers) as pool:
            results = list(pool.map(check, spiece.crafted(COUNT)))
        self.assertEqual([what for _, _, wrong in results for what in wrong], [])
        self.assertEqual(len(results), COUNT)
        kinds = {kind for kind, _, _ in results}
        self.assertEqual(len(kinds), len(spiece.KINDS))
        codes = Counter(code for _, code, _ in results)
        print(f"{COUNT} crafted models of {len(kinds)} kinds: {codes[3]} refused, {codes[0]} taken")


if __name__ == "__main__":
    main()
