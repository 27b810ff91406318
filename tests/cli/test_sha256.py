"""--sha256: the digests of Python's hashlib, in the sidecar and in the report; verify looks at them; without the flag there are none."""
import hashlib
import json

from faults import SHIM, needs_shim
from octet_case import DATA_FILE, SIDECAR, OctetCase, contents, f32, main, make_file, make_sharded
from xxh3 import sealed


class Sha256(OctetCase):
    def setUp(self):
        super().setUp()
        (self.dir / "model").mkdir()
        make_file(self.dir / "model" / "model.safetensors", [f32("a", [0.5, -1.25, 3.0]), f32("b", [1, 2])])
        (self.dir / "model" / "config.json").write_text('{"n": 1}\n')

    def digests(self, folder):
        return {name: hashlib.sha256(data).hexdigest() for name, data in contents(self.dir / folder).items()}

    def reported(self, *arguments):
        files = self.octet_json(*arguments, "--sha256")["files"]
        return {file["name"]: file["sha256"] for file in files}

    def test_quantize_stores_and_reports_them(self):
        make_sharded(self.dir / "sharded", self.dir / "model" / "model.safetensors", 2)
        for model in ("model", "sharded"):
            reported = self.reported("quantize", model, f"set-{model}")
            self.assertEqual(reported, self.digests(f"set-{model}"))
            sidecar = self.sidecar(f"set-{model}")
            stored = {file["name"]: file["sha256"] for file in sidecar["files"] + sidecar["companions"]}
            self.assertEqual(stored, {name: reported[name] for name in stored})
            self.assertEqual(set(reported) - set(stored), {SIDECAR} | ({"model.safetensors.index.octet.json"} & set(reported)))
            self.octet("verify", f"set-{model}", "--source", model)
            self.octet("dequantize", f"set-{model}", f"back-{model}")
            self.check_set(model, f"set-{model}", f"back-{model}")

    def test_dequantize_reports_them(self):
        self.octet("quantize", "model", "set")
        self.assertEqual(self.reported("dequantize", "set", "back"), self.digests("back"))
        reported = self.reported("dequantize", "set", "back.safetensors")
        self.assertEqual(reported, {"back.safetensors": hashlib.sha256((self.dir / "back.safetensors").read_bytes()).hexdigest()})

    def test_no_digest_without_the_flag(self):
        report = self.octet_json("quantize", "model", "set")
        self.assertEqual({key for file in report["files"] for key in file}, {"name", "bytes"})
        self.assertNotIn("sha256", (self.dir / "set" / SIDECAR).read_text())

    def test_verify_finds_a_digest_that_differs(self):
        self.octet("quantize", "model", "set", "--sha256")
        text = (self.dir / "set" / SIDECAR).read_text()
        for list_of, name in (("files", DATA_FILE), ("companions", "config.json")):
            sidecar = json.loads(text)
            del sidecar["xxh3_128"]
            right, sidecar[list_of][0]["sha256"] = sidecar[list_of][0]["sha256"], "0" * 64
            (self.dir / "set" / SIDECAR).write_text(sealed(json.dumps(sidecar)))
            run = self.run_octet("verify", "set", "--json")
            self.assertEqual((run.code, json.loads(run.out)["findings"]), (1, [
                {"file": name, "tensor": "", "what": f"its SHA-256 is {right}, the sidecar says {'0' * 64}"}]))
            sidecar[list_of][0]["sha256"] = "ABC"
            (self.dir / "set" / SIDECAR).write_text(sealed(json.dumps(sidecar)))
            self.assertIn(f"{list_of}.sha256 is not 64 hexadecimal digits", self.run_octet("inspect", "set").err)

    @needs_shim
    def test_without_openssl_it_says_what_to_install(self):
        env = {"LD_PRELOAD": SHIM, "OCTET_FAULT_NO_LIBCRYPTO": "1"}
        self.octet("quantize", "model", "set", env=env)
        what = "SHA-256: needs OpenSSL's libcrypto, which cannot be loaded (not found); install it (Debian: libssl3) or do without --sha256"
        self.assert_refused(2, what, "quantize", "model", "other", "--sha256", env=env)
        self.assert_refused(2, what, "dequantize", "set", "other", "--sha256", env=env)
        self.octet("quantize", "model", "hashed", "--sha256")
        self.assert_refused(2, what, "verify", "hashed", env=env)


if __name__ == "__main__":
    main()
