// Walks of a guest's tables under KVM, over what maps its memory slot.
#include "kvm/device.hpp"
#include "tests/catch.hpp"
#include "tests/support/command.hpp"

#include <nlohmann/json.hpp>

#include <iostream>

namespace kvm_walk_tables_test {

using namespace twofold::test;

namespace {

nlohmann::json walked(std::vector<std::string> options) {
    std::vector<std::string> words{TWOFOLD_COMMAND, "walk",    "touch",  "--engine",
                                   "kvm",           "--quiet", "--json", "-"};
    words.insert(words.end(), options.begin(), options.end());
    auto const result = run_command({words});
    CHECK(result.err == "");
    CHECK(result.status == 0);
    return nlohmann::json::parse(result.out);
}

} // namespace

TEST_CASE("under KVM walks go through the guest's own tables and its memory slot's") {
    if (auto const reason = twofold::vmm::kvm::why_unusable(); !reason.empty()) {
        std::cout << "skipped: " << reason << '\n';
        return;
    }
    for (auto const& [host, references] : {std::pair{"4k", 24U}, std::pair{"2m", 19U}}) {
        auto const json = walked({"--host-page", host, "--gva", "0x400000,0x3000", "--range",
                                  "0x400000-0x500000", "--sample", "20"});
        CHECK(json["tables"]["second_dimension"] == "slot");
        CHECK(json["tables"]["mode"] == "4_level");
        CHECK(json["walks"].size() == 2 + 256 + 20);
        CHECK(json["summary"]["faulted"] == 0);
        for (auto const& walk : json["walks"]) {
            CHECK(walk["references"].size() == references);
            CHECK(walk["native_references"] == 4);
        }
        CHECK(json["walks"][0]["gpa"] == "0x400000");
    }
    auto const large = walked({"--guest-page", "2m", "--lazy-by", "userfault", "--gva", "5M"});
    CHECK(large["walks"][0]["references"].size() == 19);
    auto const beyond = walked({"--gva", "0x700000000000"});
    CHECK(beyond["walks"][0]["fault"]["level"] == "0x4");
}

} // namespace kvm_walk_tables_test
