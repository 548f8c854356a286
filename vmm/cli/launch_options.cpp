#include "cli/launch_options.hpp"

#include "cli/option_list.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <iterator>
#include <sstream>

namespace twofold::vmm {

void LaunchOptions::add_to(OptionList command) {
    command
        .add_option("guest", guest,
                    "An ELF file, or the name of a kernel of the family: hello, touch, walk ...")
        ->required()
        ->type_name("GUEST");
    command.add_option("arguments", arguments, "Arguments of the guest, after --")
        ->type_name("ARGS");
    how.add_to(command);
    on.add_to(command);
}

void LaunchOptions::add_several_to(OptionList command) {
    add_to(command);
    how.boot.add_to(command);
    on.clones.add_to(command);
    command
        .add_option("--gdb", on.gdb,
                    "Under KVM, wait for gdb before the guest's first instruction: at a port of "
                    "this machine (0: one that is free) or at a socket that is made. No time limit "
                    "then applies")
        ->type_name("PORT|SOCKET");
    auto* const more =
        command
            .add_option("--with", with,
                        "Another guest that runs at the same time, with its arguments behind its "
                        "name: --with 'hello --exit 3'. Can be given more than once. The guests "
                        "take turns of a millisecond, and each line that they print begins with "
                        "the number of its guest")
            ->type_name("'GUEST ARGS'")
            ->allow_extra_args(false);
    command
        .add_option("--weights", weights,
                    "How many milliseconds long each guest's turn is, in the order of the guests "
                    "[1,1,...]")
        ->type_name("N,N...")
        ->delimiter(',')
        ->check(CLI::Range(1, 255))
        ->allow_extra_args(false);
    command.get_option("--native")->excludes(more);
    memory.add_to(command);
}

void LaunchOptions::check_memory_options() const {
    auto const given = memory.given();
    // Bochs and QEMU run the hypervisor. Under KVM the kernel looks after a guest's memory.
    if (given.empty() || on.engine != "kvm") return;
    auto const of_the_hypervisor = memory.given_for_the_hypervisor();
    if (!of_the_hypervisor.empty())
        throw UsageError{fmt::format("{} needs --engine bochs or qemu", of_the_hypervisor)};
}

LaunchPlan LaunchOptions::plan() const {
    LaunchPlan plan;
    plan.guests.push_back(how.plan(guest, arguments));
    if (!on.gdb.empty()) plan.guests.front().time_limit = {};
    plan.native = how.native;
    plan.memory = memory.plan();
    check_memory_options();
    if (plan.memory.dirty_log > abi::DirtyLogging::write_protection &&
        !plan.guests.front().accessed_dirty)
        throw UsageError{
            fmt::format("--dirty-log: {} needs EPT dirty bits; leave --ept-ad off out, "
                        "or take write-protection",
                        memory.dirty_log)};
    if (how.ept_probes && on.engine != "bochs" && on.engine != "kvm")
        throw UsageError{"--ept-probes needs --engine bochs, or for sizes of pages --engine kvm"};
    for (auto const& text : with) {
        std::istringstream stream{text};
        std::vector<std::string> words{std::istream_iterator<std::string>{stream}, {}};
        if (words.empty()) throw UsageError{"--with: the name of a guest is missing"};
        std::string const name = words.front();
        words.erase(words.begin());
        plan.guests.push_back(how.plan(name, words));
        plan.guests.back().together = true;
    }
    if (weights.size() > plan.guests.size()) {
        throw UsageError{fmt::format("--weights: there are {} weights for {} guests",
                                     weights.size(), plan.guests.size())};
    }
    for (std::size_t i = 0; i < weights.size(); ++i)
        plan.guests[i].weight = weights[i];
    return plan;
}

} // namespace twofold::vmm
