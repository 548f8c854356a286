#include "cli/memory_options.hpp"

#include "cli/option_list.hpp"
#include "cli/size.hpp"
#include "system/failure.hpp"

#include <twofold/arch/page_size.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace twofold::vmm {

namespace {

/// The hypervisor keeps 4 bytes for each page: 64 MiB for so much.
constexpr std::uint64_t largest_swap = std::uint64_t{64} << 30;
constexpr std::uint32_t default_ratio = 150;

/// 0 if not given.
std::uint64_t pages_size(std::string_view option, std::string const& text) {
    if (text.empty()) return 0;
    std::uint64_t const bytes = parse_size(option, text);
    if (bytes == 0 || bytes % page_4k.bytes() != 0) {
        throw UsageError{
            fmt::format("{}: {} bytes are not a multiple of 4096 above 0", option, bytes)};
    }
    return bytes;
}

} // namespace

void MemoryOptionTexts::add_to(OptionList command) {
    auto* const native = command.get_option("--native");
    command
        .add_option("--frames-limit", frames_limit,
                    "How much memory all guests together may have, EPT tables included. Cold pages "
                    "go to the swap disk when no more is left, and without one the guest that "
                    "asked stops [all that the machine has]")
        ->type_name("SIZE")
        ->excludes(native);
    command
        .add_option("--swap", swap,
                    "Give the machine a swap disk: a file without a name in TMPDIR, which takes "
                    "room only for what is written, and is gone after the run [none]")
        ->type_name("SIZE")
        ->excludes(native);
    command
        .add_option("--overcommit", overcommit,
                    "How much memory guests and their clones may be told of together. always: "
                    "as much as they ask for; never: what memory and swap can hold, EPT tables "
                    "included, so that none is stopped for want of memory; ratio: a part of that, "
                    "by --overcommit-ratio [always]")
        ->type_name("always|never|ratio")
        ->excludes(native);
    command
        .add_option("--overcommit-ratio", overcommit_ratio,
                    "With --overcommit ratio: how much may be promised, in percent of what memory "
                    "and swap can hold [150]")
        ->type_name("PERCENT")
        ->check(CLI::Range(1, 100'000));
    command
        .add_flag("--audit", audit,
                  "Check every frame of the machine, and every slot of the swap disk, against all "
                  "page-table entries at the end of each guest, not only of the last one")
        ->excludes(native);
    command
        .add_option("--merge", merge,
                    "Let pages of the same contents share a frame, within a guest and across "
                    "guests, until one of them is written. offered: those that guests offer by the "
                    "hypercall; all: every small page, in the background. How long a write takes "
                    "then tells a guest whether another has such a page: for guests that trust "
                    "each other. Under KVM: none or offered [none]")
        ->type_name("none|offered|all")
        ->excludes(native);
    command
        .add_flag("--promote", promote,
                  "Make 512 neighbouring pages of 4K one of 2M where they agree, in the "
                  "background, moving frames if need be")
        ->excludes(native);
    command
        .add_flag("--nx-huge-pages", nx_huge_pages,
                  "Let guests execute from pages of 4K only: the first fetch from a large one "
                  "splits it, and what was executed is promoted no more. Against guests that would "
                  "stop a processor with the erratum iTLB multihit")
        ->excludes(native);
    command
        .add_option("--working-set", working_set,
                    "Look at which pages each guest has accessed, by EPT accessed bits, after MS "
                    "milliseconds of its time, again and again, and at its end [only where a guest "
                    "asks]")
        ->type_name("MS")
        ->check(CLI::Range(1, 60'000))
        ->excludes(native);
    command
        .add_option(
            "--dirty-log", dirty_log,
            "Keep a log of the pages that each guest writes, for its whole life, and report "
            "how many and what that cost. write-protection: each first write to a page is "
            "an exit; dirty-bits: the processor's bits in EPT are looked at; pml: the "
            "processor writes addresses to its page-modification log. The sets are the "
            "same. The guest itself can keep no log then. Under KVM only the means that the "
            "kernel has [none]")
        ->type_name("write-protection|dirty-bits|pml")
        ->excludes(native);
    command
        .add_option("--dirty-log-every", dirty_log_every,
                    "With --dirty-log: collect it after MS milliseconds of the guest's time, again "
                    "and again, and at its end [only at its end]")
        ->type_name("MS")
        ->check(CLI::Range(1, 60'000));
}

abi::DirtyLogging MemoryOptionTexts::dirty_log_means() const {
    if (dirty_log.empty() && dirty_log_every)
        throw UsageError{"--dirty-log-every: it needs --dirty-log"};
    if (dirty_log.empty()) return abi::DirtyLogging::off;
    if (dirty_log == "write-protection") return abi::DirtyLogging::write_protection;
    if (dirty_log == "dirty-bits") return abi::DirtyLogging::dirty_bits;
    if (dirty_log == "pml") return abi::DirtyLogging::page_modification_log;
    throw UsageError{fmt::format("--dirty-log: there is no '{}'; there are write-protection, "
                                 "dirty-bits and pml",
                                 dirty_log)};
}

MemoryPlan::Merge MemoryOptionTexts::merge_plan() const {
    if (merge.empty() || merge == "none") return MemoryPlan::Merge::none;
    if (merge == "offered") return MemoryPlan::Merge::offered;
    if (merge == "all") return MemoryPlan::Merge::all;
    throw UsageError{
        fmt::format("--merge: there is no '{}'; there are none, offered and all", merge)};
}

std::string_view MemoryOptionTexts::given() const {
    if (!frames_limit.empty()) return "--frames-limit";
    if (!swap.empty()) return "--swap";
    if (!merge.empty()) return "--merge";
    if (!dirty_log.empty()) return "--dirty-log";
    return given_for_the_hypervisor();
}

std::string_view MemoryOptionTexts::given_for_the_hypervisor() const {
    if (!overcommit.empty() || overcommit_ratio) return "--overcommit";
    if (merge == "all") return "--merge all";
    if (promote) return "--promote";
    if (nx_huge_pages) return "--nx-huge-pages";
    if (working_set) return "--working-set";
    return audit ? "--audit" : "";
}

MemoryPlan MemoryOptionTexts::plan() const {
    MemoryPlan plan{.frames_limit = pages_size("--frames-limit", frames_limit),
                    .swap_bytes = pages_size("--swap", swap)};
    if (plan.swap_bytes > largest_swap) throw UsageError{"--swap: at most 64G"};
    if (!overcommit.empty() && overcommit != "always" && overcommit != "never" &&
        overcommit != "ratio") {
        throw UsageError{fmt::format("--overcommit: there is no '{}'; there are always, never and "
                                     "ratio",
                                     overcommit)};
    }
    if (overcommit_ratio && overcommit != "ratio")
        throw UsageError{"--overcommit-ratio: it needs --overcommit ratio"};
    if (overcommit == "never") plan.overcommit_percent = 100;
    if (overcommit == "ratio") plan.overcommit_percent = overcommit_ratio.value_or(default_ratio);
    plan.audit_each = audit;
    plan.merge = merge_plan();
    plan.promote = promote;
    plan.nx_huge_pages = nx_huge_pages;
    plan.working_set = std::chrono::milliseconds{working_set.value_or(0)};
    plan.dirty_log = dirty_log_means();
    plan.dirty_log_every = std::chrono::milliseconds{dirty_log_every.value_or(0)};
    return plan;
}

} // namespace twofold::vmm
