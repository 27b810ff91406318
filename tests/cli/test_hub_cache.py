"""The cache of the hub: snapshots/REVISION holds links into ../../blobs. Checkpoints and octet's own sets stored like that work in every
command, links in any other shape are refused or named, and --follow-links permits them."""
import hashlib
import json
import os
import shutil

from octet_case import DATA_FILE, SIDECAR, TESTDATA, OctetCase, contents, f32, main, make_file, make_sharded

PROMPT = ("--prompt", "The quick brown fox", "--max-new-tokens", "3")


def into_cache(cache, source, name="models--org--name"):
    """Stores a folder as the hub's clients do; returns the folder of the snapshot."""
    snapshot = cache / name / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    blobs = cache / name / "blobs"
    blobs.mkdir(parents=True)
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            continue
        relative = path.relative_to(source)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if path.stat().st_size < 1000:  # small files go by their git hash, large ones by SHA-256
            digest = hashlib.sha1(path.read_bytes()).hexdigest()
        shutil.copyfile(path, blobs / digest)
        target = snapshot / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(os.path.join(*[".."] * (len(relative.parts) + 1), "blobs", digest))
    return snapshot


class HubCache(OctetCase):
    def setUp(self):
        super().setUp()
        self.plain = self.dir / "plain"
        shutil.copytree(TESTDATA / "tiny-gpt2", self.plain)

    def every_command(self, model, reference):
        """On a checkpoint and on its set, both in the cache; what is printed and written is what plain folders give."""
        self.octet("plan", model)
        self.assertEqual(self.octet_json("inspect", model)["totals"], self.octet_json("inspect", reference)["totals"])
        self.octet("quantize", model, "made", "--quiet")
        self.octet("quantize", reference, "expected", "--quiet")
        self.assertEqual(contents(self.dir / "made"), contents(self.dir / "expected"))
        stored = into_cache(self.dir / "sets", self.dir / "made", "models--org--name-octet")
        self.assertTrue((stored / SIDECAR).is_symlink())
        self.octet("verify", stored, "--source", model)
        self.octet("inspect", stored)
        self.octet("compare", model, stored)
        for form in (model, stored):
            self.assertEqual(self.octet("generate", form, *PROMPT).out.splitlines()[0],
                             self.octet("generate", reference, *PROMPT).out.splitlines()[0])
        (self.dir / "text").write_text("Once upon a time there was a little girl.")
        self.octet("evaluate", stored, "--text", "text", "--reference", model)
        self.octet("dequantize", stored, "back", "--quiet")
        self.octet("dequantize", "expected", "expected-back", "--quiet")
        self.assertEqual(contents(self.dir / "back"), contents(self.dir / "expected-back"))
        self.assertEqual({p.name for p in (self.dir / "back").iterdir()}, {p.name for p in reference.iterdir()})

    def test_a_single_file_its_companions_and_its_set_are_read_through_the_links(self):
        self.every_command(into_cache(self.dir / "hub", self.plain), self.plain)

    def test_shards_with_an_index_are_read_through_the_links(self):
        make_sharded(self.plain, self.plain / "model.safetensors", 3)
        (self.plain / "model.safetensors").unlink()
        model = into_cache(self.dir / "hub", self.plain)
        self.every_command(model, self.plain)
        self.octet("inspect", model / "model.safetensors.index.json")

    def test_companions_in_subfolders_are_read_through_the_links(self):
        (self.plain / "1_Pooling").mkdir()
        (self.plain / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
        self.octet("quantize", into_cache(self.dir / "hub", self.plain), "set", "--quiet")
        stored = into_cache(self.dir / "sets", self.dir / "set")
        self.octet("verify", stored)
        self.octet("dequantize", stored, "back", "--quiet")
        self.assertEqual((self.dir / "back/1_Pooling/config.json").read_text(), '{"pooling_mode_mean_tokens": true}')


class OtherLinks(OctetCase):
    """A link in another shape than the hub's."""

    def setUp(self):
        super().setUp()
        make_file(self.dir / "whole.safetensors", [f32(name, [1, 2, 3, 4], [2, 2]) for name in "abcd"])
        make_sharded(self.dir / "plain", self.dir / "whole.safetensors", 2)
        (self.dir / "plain" / "config.json").write_text("{}")
        self.model = into_cache(self.dir / "hub", self.dir / "plain")
        self.repository = self.dir / "hub" / "models--org--name"
        self.shard = self.model / "model-00001-of-00002.safetensors"
        self.blob = self.repository / "blobs" / os.path.basename(os.readlink(self.shard))

    def shapes(self):
        """Names and functions that lay `link` to a copy of `content` in a shape that is not the hub's."""
        def leads_to(path, text=None):
            def lay(link, content):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                link.symlink_to(text or os.path.relpath(path, link.parent))
            return lay

        def over_a_link(link, content):
            (self.dir / "secret").write_bytes(content)
            (self.repository / "blobs" / "abc123").symlink_to(self.dir / "secret")
            link.symlink_to("../../blobs/abc123")

        return {"out of the cache": leads_to(self.dir / "secret"),
                "an absolute one": leads_to(self.dir / "abc", str(self.dir / "abc")),
                "the blobs of another repository": leads_to(self.dir / "hub/models--org--other/blobs/abc123"),
                "no hexadecimal name": leads_to(self.repository / "blobs" / "secret"),
                "below the blobs": leads_to(self.repository / "blobs" / "ab" / "cd"),
                "beside the blobs": leads_to(self.repository / "refs" / "abc123"),
                "a blob that is a link": over_a_link}

    def test_a_shard_behind_any_other_link_is_refused(self):
        for name, lay in self.shapes().items():
            with self.subTest(name):
                self.tearDown()
                self.doCleanups()
                self.setUp()
                self.shard.unlink()
                lay(self.shard, self.blob.read_bytes())
                for command in (("quantize", self.model, "out"), ("inspect", self.model)):
                    self.assert_refused(3, f"{self.model}/model.safetensors.index.json: names the file '{self.shard.name}', a link out "
                                           "of its folder; copy the file there", *command)
                self.octet("inspect", self.model, "--follow-links")
                self.octet("quantize", self.model, "out", "--follow-links")
                self.octet("verify", "out", "--source", self.model, "--follow-links")

    def test_a_companion_behind_any_other_link_is_named_and_not_copied(self):
        for name, lay in self.shapes().items():
            with self.subTest(name):
                self.tearDown()
                self.doCleanups()
                self.setUp()
                lay(self.model / "tokenizer.json", b"a secret")
                run = self.octet("quantize", self.model, "out")
                self.assertEqual(run.err, "octet: left out: tokenizer.json (a link out of the folder)\n")
                self.assertFalse((self.dir / "out/tokenizer.json").exists())
                self.assertTrue((self.dir / "out/config.json").exists())
                self.octet("quantize", self.model, "other", "--follow-links", "--quiet")
                self.assertEqual((self.dir / "other/tokenizer.json").read_text(), "a secret")

    def test_a_set_whose_data_file_is_behind_any_other_link_is_refused(self):
        self.octet("quantize", "whole.safetensors", "set")
        (self.dir / "set" / DATA_FILE).rename(self.dir / "elsewhere")
        (self.dir / "set" / DATA_FILE).symlink_to("../elsewhere")
        for command in (("inspect", "set"), ("dequantize", "set", "back"), ("compare", "whole.safetensors", "set")):
            self.assert_refused(3, f"set/{SIDECAR}: names the file '{DATA_FILE}', a link out of its folder; copy the file there",
                                *command)
            self.octet(*command, "--follow-links")
        self.assertEqual(self.run_octet("verify", "set").code, 1)
        self.octet("verify", "set", "--follow-links")

    def test_what_an_index_names_is_still_a_plain_name(self):
        index = self.model / "model.safetensors.index.json"
        changed = json.loads(index.read_text())
        name = f"../../blobs/{self.blob.name}"
        changed["weight_map"]["a"] = name
        index.unlink()
        index.write_text(json.dumps(changed))
        for more in ((), ("--follow-links",)):
            self.assert_refused(3, f"{index}: names the file '{name}', which is not a plain name; files must lie beside it",
                                "inspect", self.model, *more)

    def test_a_blob_that_was_not_fetched_is_said_to_be_missing(self):
        self.blob.unlink()
        self.assert_refused(3, f"{self.model}/model.safetensors.index.json: names the file '{self.shard.name}', a link that leads "
                               "nowhere; fetch the file again", "inspect", self.model)


if __name__ == "__main__":
    main()
