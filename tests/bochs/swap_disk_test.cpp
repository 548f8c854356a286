// The swap disk of an emulated machine, before any guest needs it.
#include "catch.hpp"
#include "support/command.hpp"

#include <nlohmann/json.hpp>

namespace swap_disk_test {

using namespace twofold::test;
using Json = nlohmann::json;

namespace {

struct Launched {
    int status;
    std::string err;
    Json run;
};

Launched launch(std::string const& engine, std::string const& bytes) {
    auto const result = run_command({.words = {TWOFOLD_COMMAND, "run", "hello", "--engine", engine,
                                               "--swap", bytes, "--json", "-"}});
    INFO(result.err);
    REQUIRE_FALSE(result.out.empty());
    return {result.status, result.err, Json::parse(result.out)};
}

} // namespace

TEST_CASE("a swap disk keeps what is written to it, in Bochs and in QEMU") {
    auto const bochs = launch("bochs", "8M");
    CHECK(bochs.status == 0);
    // Bochs takes whole cylinders of 16 heads and 63 sectors.
    CHECK(bochs.run["swap_disk"]["sectors"] == 17 * 16 * 63);
    CHECK(bochs.run["swap_disk"]["pages_proven"] == 2);
    CHECK(bochs.run["memory"]["swap"]["pages"] == 2048);
    CHECK(bochs.run["memory"]["swap"]["written"] == 0);

    // Where no guest can run, the disk is there all the same.
    auto const qemu = launch("qemu", "8M");
    CHECK(qemu.status == 1);
    CHECK(qemu.run["swap_disk"]["sectors"] == 16384);
    CHECK(qemu.run["swap_disk"]["pages_proven"] == 2);
    CHECK(qemu.run["guests"].empty());
    REQUIRE(qemu.run["capabilities_missing"].size() == 1);
    CHECK(qemu.run["capabilities_missing"][0]["capability"] == "VT-x");
    CHECK(qemu.err.find("VT-x") != std::string::npos);
}

TEST_CASE("of a swap disk of one page that page is proven, and without one the report has none") {
    auto const one = launch("bochs", "4K");
    CHECK(one.status == 0);
    CHECK(one.run["swap_disk"]["pages_proven"] == 1);
    auto const none = run_command(
        {.words = {TWOFOLD_COMMAND, "run", "hello", "--frames-limit", "8M", "--json", "-"}});
    CHECK(none.status == 0);
    CHECK(Json::parse(none.out)["swap_disk"].is_null());
}

} // namespace swap_disk_test
