#include "cli/clone_options.hpp"

#include "cli/option_list.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t most_runs = 1'000'000'000;
/// Each takes half a megabyte of the kernel.
constexpr unsigned most_pooled = 1024;

} // namespace

void CloneOptionTexts::add_to(OptionList command) {
    command
        .add_option("--repeat", repeat,
                    "Under KVM, run each guest N times: at its end it is put back to what it was "
                    "before its first instruction, and runs again, unless it ended with a status "
                    "above 0 or was stopped. The report has what that took, and how many pages "
                    "were put back [1]")
        ->type_name("N");
    command
        .add_option("--clones-as", clones_as,
                    "Under KVM, whether clones that --clones makes run as threads of one process, "
                    "or each in a process of its own, which it shares with no other guest; there "
                    "guests cannot clone themselves [threads]")
        ->type_name("threads|processes");
    command
        .add_option("--pool", pool,
                    "Under KVM, make N empty machines before the guest starts, so that clones to "
                    "come need not wait for the kernel to make one [0]")
        ->type_name("N");
}

void CloneOptionTexts::apply_to(kvm::RunOptions& options) const {
    if (repeat == 0 || repeat > most_runs)
        throw UsageError{fmt::format("--repeat: {} is not from 1 to {}", repeat, most_runs)};
    if (clones_as != "threads" && clones_as != "processes")
        throw UsageError{
            fmt::format("--clones-as: '{}' is neither threads nor processes", clones_as)};
    if (pool > most_pooled)
        throw UsageError{fmt::format("--pool: {} is not from 0 to {}", pool, most_pooled)};
    if (pool != 0 && clones_as == "processes")
        throw UsageError{"--pool: a machine of KVM's can't be handed to another process; leave "
                         "--clones-as out"};
    options.runs = repeat;
    options.pool = pool;
    options.clones_as = clones_as == "threads" ? kvm::ClonesAs::threads : kvm::ClonesAs::processes;
    options.may_clone = options.clones_as == kvm::ClonesAs::threads;
}

void CloneOptionTexts::check_not_given() const {
    if (repeat != 1 || pool != 0 || clones_as != "threads")
        throw UsageError{"--repeat, --clones-as and --pool need --engine kvm"};
}

} // namespace twofold::vmm
