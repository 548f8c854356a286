#include "cli/engine_options.hpp"

#include "cli/installation.hpp"
#include "cli/option_list.hpp"
#include "cli/size.hpp"
#include "engine/qemu.hpp"
#include "kvm/device.hpp"
#include "kvm/kvm_engine.hpp"
#include "system/failure.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <bit>

namespace twofold::vmm {

void EngineOptionTexts::add_to(OptionList command) {
    command
        .add_option("--engine", engine,
                    "What runs the guest: bochs boots the hypervisor on an emulated processor with "
                    "VT-x; qemu does so without VT-x, so there the hypervisor says which "
                    "capabilities are missing; kvm is Linux's own, without the hypervisor; auto "
                    "takes kvm where it works, else bochs [bochs]")
        ->type_name("bochs|qemu|kvm|auto");
    command
        .add_option("--host-memory", host_memory,
                    "Under KVM, what the kernel keeps the guest's memory in: pages of 4k of this "
                    "process, or of a file in memory; huge pages of 2m where it finds them; or "
                    "those of 2m or 1g that it holds in reserve [by --host-page: anonymous for "
                    "4k, thp for 2m, hugetlbfs for 1g]")
        ->type_name("anonymous|memfd|thp|hugetlbfs");
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

namespace {

/// Nothing where nothing was said. Throws UsageError.
std::optional<kvm::HostMemory> parse_host_memory(std::string const& text) {
    if (text.empty()) return std::nullopt;
    if (text == "anonymous") return kvm::HostMemory::anonymous;
    if (text == "memfd") return kvm::HostMemory::memfd;
    if (text == "thp") return kvm::HostMemory::thp;
    if (text == "hugetlbfs") return kvm::HostMemory::hugetlbfs;
    throw UsageError{
        fmt::format("--host-memory: '{}' is none of anonymous, memfd, thp and hugetlbfs", text)};
}

} // namespace

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
    clones.apply_to(options);
    options.host_memory = parse_host_memory(host_memory);
    if (!gdb.empty()) options.debugger = std::make_shared<GdbServer>(gdb);
    return std::make_unique<KvmEngine>(std::move(options));
}

std::optional<std::uint64_t> EngineOptionTexts::parsed_machine_memory() const {
    if (machine_memory.empty()) return std::nullopt;
    auto const memory = parse_size("--machine-memory", machine_memory);
    if (memory == 0 || memory % (1 << 20) != 0) {
        throw UsageError{
            fmt::format("--machine-memory: {} bytes are not a multiple of 1M above 0", memory)};
    }
    return memory;
}

BochsOptions EngineOptionTexts::bochs_options() const {
    BochsOptions options{.hypervisor = find_hypervisor(),
                         .machine_memory = parsed_machine_memory()};
    if (!cpu.empty()) options.cpu_model = cpu;
    return options;
}

void EngineOptionTexts::check_without_kvm() const {
    board.check_not_given();
    clones.check_not_given();
    if (!host_memory.empty()) throw UsageError{"--host-memory needs --engine kvm"};
    if (!gdb.empty()) throw UsageError{"--gdb needs --engine kvm"};
}

std::unique_ptr<Engine> EngineOptionTexts::make_tracing(std::uint64_t entry) const {
    if (engine != "bochs") throw UsageError{"trace needs --engine bochs: it prints what it does"};
    check_without_kvm();
    auto options = bochs_options();
    options.trace_from = entry;
    return std::make_unique<BochsEngine>(std::move(options));
}

std::unique_ptr<Engine> EngineOptionTexts::make(unsigned trace_windows) const {
    if ((engine == "kvm" || engine == "auto") && trace_windows != 0)
        throw UsageError{"--check needs --engine bochs: it prints what it reads"};
    if (engine == "kvm" || (engine == "auto" && kvm::why_unusable().empty())) return make_kvm();
    check_without_kvm();
    if (engine == "qemu" && trace_windows == 0) {
        return std::make_unique<QemuEngine>(QemuOptions{.hypervisor = find_hypervisor(),
                                                        .cpu_model = cpu.empty() ? "max" : cpu,
                                                        .machine_memory = parsed_machine_memory()});
    }
    if (engine == "qemu") throw UsageError{"--check needs --engine bochs: it prints what it reads"};
    if (engine != "bochs" && engine != "auto") {
        throw UsageError{
            fmt::format("--engine: there is no '{}'; there are bochs, qemu, kvm and auto", engine)};
    }
    auto options = bochs_options();
    options.trace_windows = trace_windows;
    return std::make_unique<BochsEngine>(std::move(options));
}

} // namespace twofold::vmm
