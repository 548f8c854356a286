#include "cli/launch_options.hpp"

#include "cli/installation.hpp"
#include "cli/size.hpp"
#include "engine/bochs.hpp"
#include "engine/qemu.hpp"
#include "kvm/device.hpp"
#include "kvm/kvm_engine.hpp"
#include "report/page_size_name.hpp"
#include "report/style.hpp"
#include "system/failure.hpp"
#include "system/file.hpp"

#include <twofold/load/guest_layout.hpp>
#include <twofold/load/load_error_text.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <bit>
#include <iterator>
#include <sstream>

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

void GuestOptionTexts::add_to(CLI::App& command) {
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
                        "all of them at the same time [0]")
            ->type_name("N");
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
                         "kernel permissions does to see what the processor makes of each");
    command.add_flag("--native", native, "Run the guest on the bare processor, without EPT")
        ->excludes(host)
        ->excludes(when)
        ->excludes(copies)
        ->excludes(ahead)
        ->excludes(probes);
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

void EngineOptionTexts::add_to(CLI::App& command) {
    command
        .add_option("--engine", engine,
                    "What runs the guest: bochs boots the hypervisor on an emulated processor with "
                    "VT-x; qemu does so without VT-x, so there the hypervisor says which "
                    "capabilities are missing; kvm is Linux's own, without the hypervisor; auto "
                    "takes kvm where it works, else bochs [bochs]")
        ->type_name("bochs|qemu|kvm|auto");
    command
        .add_option("--lazy-by", lazy_by,
                    "Under KVM, who brings in memory at its first touch: the kernel, or a handler "
                    "of this program's by userfaultfd, which counts and times each [kernel]")
        ->type_name("kernel|userfault");
    command
        .add_option("--fault-window", fault_window,
                    "Pages of 4K that this handler brings in at one fault, a power of two up to "
                    "256 [16]")
        ->type_name("N");
    board.add_to(command);
    board.add_disk_to(command);
    command
        .add_option(
            "--cpu", cpu,
            "Processor model of the engine, as `bochs-bin --help cpu` or `qemu-system-x86_64 "
            "-cpu help` list them [bochs: corei7_icelake_u]")
        ->type_name("MODEL");
    command
        .add_option("--machine-memory", machine_memory,
                    "Memory of the machine that the hypervisor runs on, a multiple of 1M [what the "
                    "guest needs]")
        ->type_name("SIZE");
}

kvm::RunOptions kvm_run_options(std::string const& lazy_by, std::uint64_t fault_window) {
    if (lazy_by != "kernel" && lazy_by != "userfault")
        throw UsageError{fmt::format("--lazy-by: '{}' is neither kernel nor userfault", lazy_by)};
    if (!std::has_single_bit(fault_window) || fault_window > 256)
        throw UsageError{
            fmt::format("--fault-window: {} is not a power of two from 1 to 256", fault_window)};
    return {.lazy_by = lazy_by == "kernel" ? kvm::LazyBy::kernel : kvm::LazyBy::userfault,
            .fault_window = fault_window};
}

std::unique_ptr<Engine> EngineOptionTexts::make_kvm() const {
    if (!cpu.empty() || !machine_memory.empty())
        throw UsageError{"--cpu and --machine-memory are for engines that emulate a machine"};
    auto options = kvm_run_options(lazy_by, fault_window);
    options.board = board.options();
    options.figures = figures;
    if (!gdb.empty()) options.debugger = std::make_shared<GdbServer>(gdb);
    return std::make_unique<KvmEngine>(std::move(options));
}

std::unique_ptr<Engine> EngineOptionTexts::make(unsigned trace_windows) const {
    if ((engine == "kvm" || engine == "auto") && trace_windows != 0)
        throw UsageError{"--check needs --engine bochs: it prints what it reads"};
    if (engine == "kvm" || (engine == "auto" && kvm::why_unusable().empty())) return make_kvm();
    board.check_not_given();
    if (!gdb.empty()) throw UsageError{"--gdb needs --engine kvm"};
    std::optional<std::uint64_t> memory;
    if (!machine_memory.empty()) {
        memory = parse_size("--machine-memory", machine_memory);
        if (*memory == 0 || *memory % (1 << 20) != 0) {
            throw UsageError{fmt::format(
                "--machine-memory: {} bytes are not a multiple of 1M above 0", *memory)};
        }
    }
    if (engine == "qemu" && trace_windows == 0) {
        return std::make_unique<QemuEngine>(QemuOptions{.hypervisor = find_hypervisor(),
                                                        .cpu_model = cpu.empty() ? "max" : cpu,
                                                        .machine_memory = memory});
    }
    if (engine == "qemu") throw UsageError{"--check needs --engine bochs: it prints what it reads"};
    if (engine != "bochs" && engine != "auto") {
        throw UsageError{
            fmt::format("--engine: there is no '{}'; there are bochs, qemu, kvm and auto", engine)};
    }
    BochsOptions options{
        .hypervisor = find_hypervisor(), .machine_memory = memory, .trace_windows = trace_windows};
    if (!cpu.empty()) options.cpu_model = cpu;
    return std::make_unique<BochsEngine>(std::move(options));
}

void LaunchOptions::add_to(CLI::App& command) {
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

void LaunchOptions::add_several_to(CLI::App& command) {
    add_to(command);
    how.boot.add_to(command);
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

LaunchPlan LaunchOptions::plan() const {
    LaunchPlan plan;
    plan.guests.push_back(how.plan(guest, arguments));
    if (!on.gdb.empty()) plan.guests.front().time_limit = {};
    plan.native = how.native;
    plan.memory = memory.plan();
    if (auto const given = memory.given(); !given.empty() && on.engine != "bochs")
        throw UsageError{fmt::format("{} needs --engine bochs", given)};
    if (plan.memory.swap_bytes != 0 && plan.guests.front().host_page != page_4k)
        throw UsageError{"--swap: only EPT pages of 4k are swapped; leave --host-page out"};
    if (how.ept_probes && on.engine != "bochs")
        throw UsageError{"--ept-probes needs --engine bochs"};
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
