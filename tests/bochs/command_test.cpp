// The command as people use it, with a machine behind it.
#include "catch.hpp"
#include "support/command.hpp"

#include <nlohmann/json.hpp>

namespace command_test {

namespace {

using namespace twofold::test;
using Json = nlohmann::json;

CommandResult twofold_command(std::vector<std::string> words) {
    words.insert(words.begin(), TWOFOLD_COMMAND);
    return run_command({.words = std::move(words), .environment = {{"NO_COLOR", "1"}}});
}

bool has(std::string const& text, std::string_view part) { return text.find(part) != text.npos; }

std::size_t references_of(Json const& walk, std::string_view dimension) {
    std::size_t count = 0;
    for (auto const& reference : walk["references"])
        count += reference["dimension"] == dimension ? 1U : 0U;
    return count;
}

} // namespace

TEST_CASE("run exits with the guest's own status, and the guest gets its arguments") {
    auto const result =
        twofold_command({"run", "hello", "--guest-page", "2m", "--", "one", "two", "--exit", "7"});
    CHECK(result.status == 7);
    CHECK(result.out == "hello from hello one two\n"
                        "memory 67108864 bytes, guest pages 2M, host pages 4K\n");
    CHECK(has(result.err, "hello: exit 7"));
    CHECK(has(result.err, "to the guest's first instruction"));
}

TEST_CASE("walk --json holds 24 references of a 4K page over EPT 4K, and 4 of it natively") {
    auto const result = twofold_command({"walk", "walk", "--json", "-"});
    CHECK(result.status == 0);
    auto const json = Json::parse(result.out);
    REQUIRE(json["walks"].size() == 1);
    CHECK(references_of(json["walks"][0], "ept") == 20);
    CHECK(references_of(json["walks"][0], "guest") == 4);
    REQUIRE(json["native"].size() == 1);
    CHECK(references_of(json["native"][0], "guest") == 4);
    CHECK(json["native"][0]["references"].size() == 4);
    CHECK(json["walks"][0]["gva"] == json["native"][0]["gva"]);
    CHECK(json["walks"][0]["references"][23]["level"] == "0x1");
}

TEST_CASE("walk --check compares each walk with the processor's own and says so") {
    auto const result = twofold_command({"walk", "walk", "--check", "--host-page", "2m"});
    CHECK(result.status == 0);
    CHECK(has(result.out, "nested: equal to the processor's own: 19 references of 1 walk"));
    CHECK(has(result.out, "native: equal to the processor's own: 4 references of 1 walk"));
}

TEST_CASE("walk --check fails for a guest that opens no window for its walk") {
    auto const result =
        twofold_command({"walk", "walk", "--check", "--", "--at", "0x700000000000"});
    CHECK(result.status == 1);
    CHECK(
        has(result.out, "walks reported: 1; windows that the guest opened for the processor's: 0"));
}

} // namespace command_test
