#include "cli/guest_options.hpp"

#include "cli/installation.hpp"
#include "cli/option_list.hpp"
#include "cli/size.hpp"
#include "report/page_size_name.hpp"
#include "report/style.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"

#include <twofold/load/guest_layout.hpp>
#include <twofold/load/load_error_text.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t default_memory = std::uint64_t{64} << 20;
/// No guest of this launcher is larger than what its memory could be.
constexpr std::uint64_t largest_guest_file = std::uint64_t{1} << 30;

[[noreturn]] void fail_to_load(std::filesystem::path const& file, LoadError const& error) {
    std::string text;
    auto const sink = [&text](std::string_view piece) { text += piece; };
    describe(error, sink);
    throw Failure{fmt::format("{}: {}", file.string(), text)};
}

void check_memory(std::uint64_t memory, PageSize host_page) {
    if (memory == 0) throw UsageError{"--memory: a guest needs some memory, such as 64M"};
    if (memory % page_4k.bytes() != 0) {
        throw UsageError{fmt::format("--memory: {} bytes are not a multiple of 4096", memory)};
    }
    if (memory % host_page.bytes() != 0) {
        std::uint64_t const up = pages_for(memory, host_page) * host_page.bytes();
        throw UsageError{
            fmt::format("--memory: {} is not a multiple of the EPT page of --host-page "
                        "{}; {} would do",
                        byte_size(memory), page_size_name(host_page), byte_size(up))};
    }
}

/// Loads the file as the hypervisor will, so that what is wrong is said before anything starts.
void check_file(GuestPlan const& guest, std::filesystem::path const& file) {
    auto const image = parse_elf(guest.elf);
    if (!image) fail_to_load(file, image.error());
    std::string line;
    for (auto const& argument : guest.arguments)
        line += argument + '\0';
    line.pop_back();
    auto const layout = plan_guest(
        *image,
        {.memory_bytes = guest.memory_bytes, .guest_page = guest.guest_page, .command_line = line});
    if (!layout) fail_to_load(file, layout.error());
}

} // namespace

void GuestOptionTexts::add_to(OptionList command) {
    command
        .add_option("--memory", memory,
                    "The guest's memory, a multiple of 4K and of the EPT page, such as 64M or "
                    "1G [64M; with --host-page 1g: 1G]")
        ->type_name("SIZE");
    command.add_option("--guest-page", guest_page, "Page size of the guest's own page tables [4k]")
        ->type_name(page_size_values);
    auto* const host = command.add_option("--host-page", host_page, "Page size of EPT [4k]")
                           ->type_name(page_size_values);
    auto* const when =
        command
            .add_option("--populate", populate,
                        "When guest memory gets its frames: at the first touch, by an EPT "
                        "violation (lazy), or before the guest starts (eager) [lazy]")
            ->type_name("lazy|eager");
    command
        .add_option("--timeout", timeout,
                    "Stop a guest that runs longer than S seconds; 0: never. Under Bochs a second "
                    "is 100 million instructions, so that every run is the same; it executes 73 to "
                    "128 million in a real one [60]")
        ->type_name("S");
    auto* const copies =
        command
            .add_option("--clones", clones,
                        "Make N clones of the loaded guest before its first instruction, and run "
                        "all of them at the same time; each line that they print begins with the "
                        "guest's number [0]")
            ->type_name("N")
            ->check(CLI::Range(0, 65'535));
    command
        .add_option("--ept-ad", accessed_dirty,
                    "Whether the processor sets accessed and dirty bits in EPT. With them on, a "
                    "guest's page walks count as writes to its page tables, which a clone then "
                    "stops sharing at its first walk [on]")
        ->type_name("on|off");
    auto* const ahead = command.add_flag(
        "--zero-ahead", zeroed_stock,
        "Zero up to 512 frames while no guest runs, so that first writes need not wait for it");
    auto* const probes =
        command.add_flag("--ept-probes", ept_probes,
                         "Let the guest change EPT entries that map its own memory, for one access "
                         "at a time, as the "
                         "kernel permissions does to see what the processor makes of each, and the "
                         "sizes of its EPT pages, as the kernel layouts does; under KVM only the "
                         "sizes of the host's pages");
    command.add_flag("--native", native, "Run the guest on the bare processor, without EPT");
    for (auto* const needs_ept : {host, when, copies, ahead, probes})
        command.get_option("--native")->excludes(needs_ept);
}

GuestPlan GuestOptionTexts::plan(std::string const& guest,
                                 std::vector<std::string> const& arguments) const {
    PageSize const host = host_page.empty() ? page_4k : parse_page_size("--host-page", host_page);
    if (!populate.empty() && populate != "lazy" && populate != "eager")
        throw UsageError{fmt::format("--populate: '{}' is neither lazy nor eager", populate)};
    if (accessed_dirty != "on" && accessed_dirty != "off")
        throw UsageError{fmt::format("--ept-ad: '{}' is neither on nor off", accessed_dirty)};
    GuestPlan plan{
        .arguments = arguments,
        .elf = {},
        .memory_bytes = memory.empty() ? std::max(default_memory, host.bytes())
                                       : parse_size("--memory", memory),
        .guest_page = parse_page_size("--guest-page", guest_page),
        .host_page = host,
        .populate = populate == "eager" ? abi::Populate::eager : abi::Populate::lazy,
        .time_limit = parse_seconds("--timeout", timeout),
        .clones = clones,
        .accessed_dirty = accessed_dirty == "on",
        .zeroed_stock = zeroed_stock,
        .ept_probes = ept_probes,
    };
    check_memory(plan.memory_bytes, host);
    auto const file = find_guest(guest);
    plan.arguments.insert(plan.arguments.begin(), file.stem().string());
    plan.elf = read_file(file, largest_guest_file);
    plan.boot = boot.plan(plan.elf);
    if (!plan.boot) check_file(plan, file);
    return plan;
}

} // namespace twofold::vmm
