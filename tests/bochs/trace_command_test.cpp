// `twofold trace` and the tables of the same guest, through files, into `twofold sim`.
#include "catch.hpp"
#include "support/command.hpp"

#include <nlohmann/json.hpp>

namespace trace_command_test {

using namespace twofold::test;

namespace {

nlohmann::json json_of(std::vector<std::string> words) {
    words.insert(words.begin(), TWOFOLD_COMMAND);
    words.insert(words.end(), {"--json", "-"});
    // Arguments of the guest stand last.
    auto const guest = std::find(words.begin(), words.end(), "--");
    if (guest != words.end()) std::rotate(guest, words.end() - 2, words.end());
    auto const result = run_command({words});
    INFO(result.err);
    REQUIRE(result.status == 0);
    return nlohmann::json::parse(result.out);
}

} // namespace

TEST_CASE("a guest's accesses are traced, and simulated over the tables that it left") {
    TemporaryDirectory const directory;
    auto const trace = directory.file("touch.trace").string();
    auto const tables = directory.file("touch.csv").string();
    auto const traced = json_of({"trace", "touch", "-q", "-o", trace, "--", "--pages", "8"});
    CHECK(traced["limited"] == false);
    CHECK(traced["fetches"] > 1000);
    CHECK(traced["writes"] > 100);
    CHECK(traced["reads"] > 100);
    CHECK(traced["accesses"] == traced["fetches"].get<std::uint64_t>() +
                                    traced["reads"].get<std::uint64_t>() +
                                    traced["writes"].get<std::uint64_t>());
    CHECK(std::filesystem::file_size(trace) == 8 + 8 * traced["accesses"].get<std::uint64_t>());

    auto const walked = json_of({"walk", "touch", "-q", "--tables", tables, "--", "--pages", "8"});
    CHECK(walked["tables"]["cut"] == false);
    auto const simulated = json_of({"sim", "--trace", trace, "--tables", tables});
    REQUIRE(simulated["simulations"].size() == 3);
    for (auto const& result : simulated["simulations"])
        CHECK(result["accesses"] == traced["accesses"]);
}

TEST_CASE("a trace ends at its limit, and natively the guest does the same") {
    TemporaryDirectory const directory;
    auto const trace = directory.file("hello.txt").string();
    auto const limited =
        json_of({"trace", "hello", "-q", "-o", trace, "--format", "text", "--limit", "100"});
    CHECK(limited["limited"] == true);
    CHECK(limited["accesses"] == 100);
    auto const text = contents_of(trace);
    CHECK(std::count(text.begin(), text.end(), '\n') == 100);
    auto const native = directory.file("native.txt").string();
    json_of(
        {"trace", "hello", "-q", "-o", native, "--native", "--format", "text", "--limit", "100"});
    CHECK(contents_of(native) == text);
}

TEST_CASE("a trace that can't be made says why") {
    auto const refused = [](std::vector<std::string> words) {
        words.insert(words.begin(), {TWOFOLD_COMMAND, "trace", "hello"});
        return run_command({words});
    };
    CHECK(refused({}).status == 2);
    CHECK(refused({"-o", "x", "--engine", "kvm"}).status == 2);
    CHECK(refused({"-o", "x", "--format", "lackey"}).status == 2);
    CHECK(refused({"-o", "/nowhere/x"}).status == 1);
}

} // namespace trace_command_test
