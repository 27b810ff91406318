// The header of a GGUF file, byte by byte, and the tables of names in both directions.
#include <string>
#include <vector>

#include "catch.hpp"
#include "formats/gguf/architecture.hpp"
#include "formats/gguf/header_writer.hpp"

using namespace octet;
using namespace std::string_literals;

TEST_CASE("a GGUF header is the bytes that the format says", "[gguf]") {
    gguf::Keys keys;
    keys.push_back({"a", std::uint32_t{7}});
    keys.push_back({"b", std::string("xy")});
    keys.push_back({"c", true});
    keys.push_back({"d", std::vector<std::int32_t>{-1, 2}});
    const gguf::HeaderText text = gguf::header_text(keys, {{"w", {2, 32}, 8, 64}});
    const auto u64 = [](char n) { return std::string(1, n) + std::string(7, '\0'); };
    const auto u32 = [](char n) { return std::string(1, n) + std::string(3, '\0'); };
    std::string wanted = "GGUF" + u32(3) + u64(1) + u64(4);
    wanted += u64(1) + "a" + u32(4) + u32(7);
    wanted += u64(1) + "b" + u32(8) + u64(2) + "xy";
    wanted += u64(1) + "c" + u32(7) + "\x01";
    wanted += u64(1) + "d" + u32(9) + u32(5) + u64(2) + "\xFF\xFF\xFF\xFF"s + u32(2);
    CHECK(text.keys_end == wanted.size());
    wanted += u64(1) + "w" + u32(2) + u64(32) + u64(2) + u32(8) + u64(64);
    wanted.resize((wanted.size() + 31) / 32 * 32);
    CHECK(text.bytes == wanted);
}

TEST_CASE("names of tensors lead to the file and back", "[gguf]") {
    for (const gguf::Architecture& one : gguf::architectures()) {
        for (const gguf::NameRow& row : one.names()) {
            if (row.target.empty() || row.is_alias) continue;
            std::string name(row.source);
            if (const std::size_t at = name.find('#'); at != name.npos) name.replace(at, 1, "12");
            name += ".weight";
            const auto target = gguf::target_of(one.names(), name);
            REQUIRE(target);
            INFO(one.name << " " << name << " " << target->target);
            const auto source = gguf::source_of(one.names(), target->target);
            REQUIRE(source);
            const auto again = gguf::target_of(one.names(), source->name);
            REQUIRE(again);
            CHECK(again->target == target->target);
        }
    }
    CHECK_FALSE(gguf::target_of(gguf::gpt2_names(), "h.x.attn.c_attn.weight"));
    CHECK_FALSE(gguf::target_of(gguf::gpt2_names(), "h.01.attn.c_attn.weight"));
    CHECK(gguf::target_of(gguf::gpt2_names(), "h.0.attn.bias")->target.empty());
}
