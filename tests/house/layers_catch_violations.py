#!/usr/bin/env python3
"""layers.py finds what it is there to find, and nothing in a tree that keeps the rule."""
import tempfile
from pathlib import Path

import layers

GOOD = {
    "include/octet/a.hpp": '#include <vector>\n#include "octet/b.hpp"\n',
    "src/base/text.hpp": '#include "octet/a.hpp"\n#include "base/other.hpp"\n',
    "src/kernels/avx.cpp": "#include <xsimd/xsimd.hpp>\n",
    "src/formats/safetensors/header.cpp": '#include <nlohmann/json.hpp>\n#include "io/file.hpp"\n#include "base/text.hpp"\n',
    "src/plan/plan.cpp": '// std::cout is not used; exit(1) neither\nconst char* s = "printf(exit(2))"; int n = 1\'000\'000;\n'
                         '#include "formats/octet_set/sidecar.hpp"\nint k = snprintf(b, 3, "%d", 1); char q = \'"\';\n',
    "src/checkpoint/c.cpp": '#include "formats/safetensors/header.hpp"\n#include "quant/scheme.hpp"\n',
    "src/writers/registry.cpp": '#include "writers/gguf/gguf_writer.hpp"\n',
    "src/writers/gguf/gguf_writer.cpp": '#include "writers/gguf/contents.hpp"\n#include "survey/measure.hpp"\n',
    "src/octet.cpp": '#include "commands/quantize.hpp"\n#include "octet/octet.hpp"\n',
    "src/cli/main.cpp": '#include <CLI/CLI.hpp>\n#include "report/text.hpp"\nint f() { std::cout << 1; exit(1); }\n',
}
BAD = {
    "include/octet/a.hpp": ['#include "base/text.hpp"\n', "#include <nlohmann/json.hpp>\n", "#include <fmt/core.h>\n"],
    "src/base/text.hpp": ['#include "io/file.hpp"\n'],
    "src/io/file.cpp": ['#include "kernels/kernels.hpp"\n', '#include "plan/plan.hpp"\n', "#include <xsimd/xsimd.hpp>\n"],
    "src/report/text.cpp": ['#include "commands/quantize.hpp"\n', "#include <CLI/CLI.hpp>\n", "int x = 1'0; void f() { std::cerr << 1; }\n"],
    "src/formats/octet_set/sidecar.hpp": ["#include <nlohmann/json_fwd.hpp>\n", '#include "elsewhere/x.hpp"\n', '#include "missing.hpp"\n'],
    "src/commands/run.cpp": ["void f() { std::exit(3); }\n", "void f() { std::fputs(s, stderr); }\n", "void f() { printf (s); }\n"],
    "src/quant/q.cpp": ["#include <nlohmann/json.hpp>\n", 'void f() { g("a\\"b"); fmt::print("x"); }\n'],
    "src/checkpoint/c.cpp": ['#include "formats/format.hpp"\n', '#include "formats/octet_set/sidecar.hpp"\n'],
    "src/pipeline/p.cpp": ['#include "plan/plan.hpp"\n', '#include "codecs/copy.hpp"\n'],
    "src/codecs/c.cpp": ['#include "commands/quantize.hpp"\n'],
    "src/survey/s.cpp": ['#include "writers/writer.hpp"\n'],
    "src/writers/gguf/g.cpp": ['#include "commands/output.hpp"\n', '#include "writers/octet_set/hint.hpp"\n'],
    "src/commands/q.cpp": ['#include "writers/gguf/gguf_writer.hpp"\n'],
    "src/attic/a.cpp": ["int unused;\n"],
}


def findings(files):
    with tempfile.TemporaryDirectory() as name:
        for path, text in files.items():
            target = Path(name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return layers.check(Path(name))


assert findings(GOOD) == [], findings(GOOD)
for path, texts in BAD.items():
    for text in texts:
        found = findings({path: text})
        assert len(found) == 1 and found[0].startswith(path), (path, text, found)
print(sum(len(texts) for texts in BAD.values()), "violations caught")
