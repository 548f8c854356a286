#include "cli/walk_options.hpp"

#include "cli/number_check.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace twofold::vmm {

void WalkOptions::add_selection_to(CLI::App& command) {
    auto* const checks = command.get_option("--check");
    auto* const natively = command.get_option("--native");
    auto const add = [&](CLI::Option* option) { option->excludes(checks)->excludes(natively); };
    add(command
            .add_option("--gva", selection.gvas,
                        "Walk these addresses through the guest's tables when it has ended, and "
                        "show every reference")
            ->type_name("A,A...")
            ->delimiter(',')
            ->allow_extra_args(false));
    add(command
            .add_option("--range", selection.range,
                        "Walk the addresses from FROM on, below TO, and show totals and "
                        "histograms; the step is 4K if not given")
            ->type_name("FROM-TO[:STEP]"));
    add(command
            .add_option("--sample", selection.sample,
                        "Walk N pages of 4K, drawn at random out of all that the guest's tables "
                        "map")
            ->type_name("N")
            ->check(above_zero()));
    add(command
            .add_option("--tables", tables,
                        "Write the guest's tables when it has ended: NAME.guest.csv and "
                        "NAME.ept.csv, a line a page, which `twofold sim --tables` reads")
            ->type_name("NAME.csv"));
    command.add_option("--seed", selection.seed, "Of the sample [1]")->type_name("N");
    command
        .add_option("--access", access,
                    "What --gva, --range and --sample walk for: an entry that forbids it to ring 0 "
                    "ends the walk [read]")
        ->type_name("read|write|execute");
}

Access WalkOptions::wanted_access() const {
    if (access == "read") return Access::read;
    if (access == "write") return Access::write;
    if (access == "execute") return Access::execute;
    throw UsageError{fmt::format("--access: '{}' is neither read, write nor execute", access)};
}

} // namespace twofold::vmm
