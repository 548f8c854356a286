// The kernels of the family under KVM over emulated EPT, beside the same under our own hypervisor:
// both in Bochs, on the same processor.
#include "tests/catch.hpp"
#include "tests/support/family.hpp"
#include "tests/support/rig.hpp"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace rig_family_test {

using namespace twofold::test;

namespace {

/// Those that need what the KVM of a machine without VT-x and AMD-V does not have: paging of 32
/// bits, VMCALL, faults of every kind and from every ring.
std::vector<Same> only_over_ept() {
    std::vector<Same> guests{
        {.kernel = "modes", .walks_the_same = false},
        {.kernel = "exits", .arguments = {"--vmcall"}, .console = Console::same_but_for_numbers},
        {"walk", {"--guest-page", "2m"}},
        {"walk", {"--guest-page", "1g"}},
        {"touch", {}, {"--pages", "512"}, Console::same_but_for_numbers},
        {"hello", {"--lazy-by", "userfault", "--fault-window", "1"}},
    };
    // Of the other behaviours the end is one engine's own: KVM emulates a task switch, and where
    // the guest's memory ends an instruction, a table or a descriptor is what its emulator says.
    for (char const* const behaviour :
         {"exceptions", "debug-exceptions", "event-delivery", "ring-3", "garbage"})
        guests.push_back({.kernel = "hostile", .arguments = {behaviour}});
    return guests;
}

/// The engine is told to Bochs by itself.
std::vector<std::string> without_kvm_options(std::vector<std::string> options) {
    if (!options.empty() && options[0] == "--lazy-by") options.clear();
    return options;
}

std::vector<Same> all_guests() {
    auto guests = all_same;
    // Leaves of the host's tables are counted by what Linux has from 6.7 on.
    std::erase_if(guests, [](Same const& guest) { return guest.kernel == "grow"; });
    // Some 400,000 exits, which take a quarter of all of them together. This machine's own KVM
    // makes them as well.
    std::erase_if(guests, [](Same const& guest) {
        return guest.arguments == std::vector<std::string>{"ports"};
    });
    for (auto& guest : only_over_ept())
        guests.push_back(std::move(guest));
    return guests;
}

/// Each guest's report is a part by its number.
std::string commands_for(std::vector<Same> const& guests) {
    std::string commands;
    for (std::size_t n = 0; n < guests.size(); ++n) {
        auto const words = words_of(guests[n], {"--engine", "kvm", "--json", "/tmp/run"});
        commands += fmt::format("twofold {} >/tmp/out 2>&1\npart {} cat /tmp/run\nrm -f /tmp/run\n",
                                fmt::join(words, " "), n);
    }
    return commands;
}

} // namespace

TEST_CASE("each kernel of the family says and returns the same over KVM's EPT and over ours") {
    auto const guests = all_guests();
    auto const parts = parts_in_rig(commands_for(guests));
    REQUIRE(parts.size() == guests.size());
    for (std::size_t n = 0; n < guests.size(); ++n) {
        CAPTURE(guests[n].kernel, guests[n].options, guests[n].arguments);
        auto const& report = parts.at(std::to_string(n)).out;
        auto const kvm = Json::parse(report, nullptr, false);
        INFO(report);
        REQUIRE(kvm.is_object());
        auto own = guests[n];
        own.options = without_kvm_options(own.options);
        check_same(own, kvm, run_on("bochs", own));
    }
}

} // namespace rig_family_test
