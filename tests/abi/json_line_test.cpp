#include <twofold/abi/json_line.hpp>
#include <twofold/arch/address.hpp>

#include <catch.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace json_line_test {

using Json = nlohmann::json;
using namespace twofold;
using namespace twofold::abi;

namespace {

/// What `write(line)` leaves behind in a sink that takes text.
template <class Write>
std::string written(Write&& write) {
    std::string output;
    auto sink = [&output](std::string_view text) { output += text; };
    {
        JsonLine line{sink};
        write(line);
    }
    return output;
}

Json parsed_text(std::string_view text) {
    return Json::parse(written([&](auto& line) { line("text", text); })).at("text");
}

} // namespace

TEST_CASE("an empty line is an empty object and a newline") {
    CHECK(written([](auto&) {}) == "{}\n");
}

TEST_CASE("members keep their order, values and kinds") {
    auto const output = written([](auto& line) {
        line("record", "walk")("level", 4U)("native", true)("fault", false)("gva", hex(0x1f00));
    });
    CHECK(output == R"({"record":"walk","level":4,"native":true,"fault":false,"gva":"0x1f00"})"
                    "\n");
}

TEST_CASE("numbers are exact at both ends of their range") {
    constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
    auto const value = Json::parse(written([](auto& line) {
        line("zero", 0U)("largest", largest)("hex_zero", hex(0))("hex_largest", hex(largest));
        line("byte", std::uint8_t{255});
    }));
    CHECK(value["zero"].get<std::uint64_t>() == 0);
    CHECK(value["largest"].get<std::uint64_t>() == largest);
    CHECK(value["hex_zero"] == "0x0");
    CHECK(value["hex_largest"] == "0xffffffffffffffff");
    CHECK(value["byte"] == 255);
}

TEST_CASE("an address is written as its hexadecimal value") {
    CHECK(written([](auto& line) { line("gpa", hex(Gpa{0x400000})); }) ==
          "{\"gpa\":\"0x400000\"}\n");
}

TEST_CASE("objects and arrays nest to any depth and close themselves") {
    auto const value = Json::parse(written([](auto& line) {
        {
            auto references = line.array("references");
            for (unsigned level = 4; level > 0; --level)
                references.object()("level", level);
            references.object();
            references.array()(1U)("two")(true)(hex(3));
        }
        {
            auto frames = line.object("frames");
            frames("memory", 7U);
            frames.object("tables")("ept", 4U);
        }
        line("after", 1U);
    }));
    CHECK(value == Json::parse(R"({
        "references": [{"level":4}, {"level":3}, {"level":2}, {"level":1}, {}, [1, "two", true, "0x3"]],
        "frames": {"memory": 7, "tables": {"ept": 4}},
        "after": 1})"));
}

TEST_CASE("every single byte survives as text, or becomes U+FFFD where it is not UTF-8") {
    for (unsigned byte = 0; byte < 256; ++byte) {
        std::string const text{'a', static_cast<char>(byte), 'z'};
        INFO("byte " << byte);
        CHECK(parsed_text(text) == (byte < 0x80 ? text : "a\xef\xbf\xbdz"));
    }
}

TEST_CASE("well-formed UTF-8 is kept as it is") {
    for (std::string_view const text :
         {"", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
          "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "na\xc3\xafve \xe2\x86\x92 \xf0\x9f\x90\xa7"}) {
        CHECK(parsed_text(text) == std::string{text});
    }
}

TEST_CASE("ill-formed UTF-8 still gives a line that parses") {
    for (std::string_view const text :
         {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
          "\xf5\x80\x80\x80", "\xc3", "\xe2\x86", "\xf0\x9f\x90", "\xc3(", "\xe2\x86(", "\xff"}) {
        auto const value = parsed_text(text).get<std::string>();
        CHECK(value.find("\xef\xbf\xbd") != std::string::npos);
    }
}

TEST_CASE("keys are escaped as text is") {
    auto const value = Json::parse(written([](auto& line) { line("a\"b\n", 1U); }));
    CHECK(value.contains("a\"b\n"));
}

TEST_CASE("a line never holds a raw newline or control character before its end") {
    std::string all;
    for (char c = 0; c < 0x20; ++c)
        all += c;
    auto const output = written([&](auto& line) { line(all, all); });
    CHECK(output.find('\n') == output.size() - 1);
    for (char const c : std::string_view{output}.substr(0, output.size() - 1))
        CHECK(static_cast<unsigned char>(c) >= 0x20);
}

TEST_CASE("a sink of single characters gets the same bytes as a sink of text") {
    auto write = [](auto& line) {
        line("text", "a\"\n\xff")("number", 12345U);
        line.array("list")(1U)(hex(0xabc));
    };
    std::string by_character;
    auto sink = [&by_character](char c) { by_character += c; };
    {
        JsonLine line{sink};
        write(line);
    }
    CHECK(by_character == written(write));
}

} // namespace json_line_test
