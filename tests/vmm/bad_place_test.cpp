// The built command, told to read from or write to places that there are not.
#include "tests/catch.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/fake_bochs.hpp"

#include <string>
#include <vector>

namespace bad_place_test {

using namespace twofold::test;

TEST_CASE("a file that can't be written there is refused before anything starts") {
    FakeBochs const bochs{"Hello\n", whole_report(0), "touch \"$here/started\""};
    auto const file = (bochs.path() / "none/x").string();
    for (std::vector<std::string> const& words :
         {std::vector<std::string>{"run", "g", "--json", file},
          {"walk", "g", "--json", file},
          {"walk", "g", "--plot", file},
          {"run", "g", "--plot", file},
          {"walk", "g", "--gva", "0", "--plot", file},
          {"walk", "g", "--tables", file + ".csv"},
          {"explore", "g", "-o", file},
          {"bench", "walk", "--plot", file},
          {"sim", "--accesses", "1000", "--plot", file},
          {"sim", "--accesses", "1000", "--break-even", "--plot", file},
          {"image", "g", "-o", file}}) {
        auto const result = bochs.run(words);
        INFO(result.err);
        CHECK(result.status == 1);
        CHECK(holds(result.err, {"twofold: ", "can't write", "none/x"}));
        CHECK(result.out.empty());
        CHECK_FALSE(std::filesystem::exists(bochs.path() / "started"));
    }
}

TEST_CASE("a hypervisor that is not where it was named to be is a failure that says who named it") {
    FakeBochs const bochs{"", whole_report(0), "touch \"$here/started\""};
    for (std::vector<std::string> const& words :
         {std::vector<std::string>{"run", "g"}, {"image", "g", "-o", "disk.img"}}) {
        auto command = bochs.command(words);
        command.environment["TWOFOLD_HYPERVISOR"] = "/nowhere/hypervisor.img";
        auto const result = run_command(command);
        INFO(result.err);
        CHECK(result.status == 1);
        CHECK(holds(result.err, {"/nowhere/hypervisor.img is missing", "TWOFOLD_HYPERVISOR"}));
        CHECK_FALSE(std::filesystem::exists(bochs.path() / "started"));
    }
}

} // namespace bad_place_test
