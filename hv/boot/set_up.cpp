#include "hv/boot/set_up.hpp"

#include "hv/boot/memory_map.hpp"
#include "hv/boot/own_page_tables.hpp"
#include "hv/cpu/panic.hpp"
#include "hv/cpu/physical_memory.hpp"
#include "hv/cpu/processor_name.hpp"
#include "hv/cpu/tick.hpp"
#include "hv/report.hpp"

#include <twofold/abi/text.hpp>

#include <array>

namespace twofold::hv {

namespace {

constexpr Hpa one_mebibyte{0x10'0000};

[[noreturn]] void stop_with(BundleError const& error) {
    abi::TextBuffer<256> message;
    describe(error, message);
    stop_with_error(message.text());
}

MemoryRange bundle_range(BootInfo const& boot_info) {
    if (boot_info.image.bundle_bytes == 0) return {};
    ImageSections const image = image_sections();
    auto const bundle = find_bundle(boot_info.image, image.end - image.text);
    if (!bundle) stop_with(bundle.error());
    return *bundle;
}

/// Without what the loader and the hypervisor's stacks use, the image, and the bundle.
MemoryRanges free_memory(MemoryRanges memory, MemoryRange bundle) {
    ImageSections const image = image_sections();
    memory.remove({Hpa{0}, one_mebibyte});
    memory.remove({image.text, image.end});
    memory.remove(bundle);
    memory.keep_whole_frames();
    return memory;
}

void take_over_paging(Machine& machine) {
    if (!has_execute_disable()) {
        stop_with_error("this processor has no execute-disable (CPUID 80000001h, EDX bit 20), "
                        "which the hypervisor's own page tables need");
    }
    if (!use_own_page_tables(machine.memory, machine.free))
        stop_with_error("below 4 GiB there is no memory left for the hypervisor's page tables");
}

void report_phases(Machine const& machine, std::uint64_t ticks_with_descriptors,
                   std::uint64_t ticks_with_paging) {
    BootInfo const& info = machine.boot_info;
    std::array const phases{
        Phase{"memory_map", info.ticks_after_memory_map - info.ticks_at_start},
        Phase{"load_payload", info.ticks_after_payload - info.ticks_after_memory_map},
        Phase{"long_mode", info.ticks_after_long_mode - info.ticks_after_payload},
        Phase{"descriptor_tables", ticks_with_descriptors - info.ticks_after_long_mode},
        Phase{"page_tables", ticks_with_paging - ticks_with_descriptors},
    };
    report_boot(processor_name().text(), machine.memory.bytes(), phases);
}

} // namespace

Machine set_up_machine(BootInfo const& boot_info) {
    DescriptorTables const tables = load_descriptor_tables();
    std::uint64_t const ticks_with_descriptors = read_ticks();
    MemoryRanges const memory = usable_memory(boot_info.memory_map());
    MemoryRange const bundle = bundle_range(boot_info);
    Machine machine{boot_info, bundle, tables, memory, EarlyMemory{free_memory(memory, bundle)}};
    take_over_paging(machine);
    report_phases(machine, ticks_with_descriptors, read_ticks());
    return machine;
}

Bundle bundle_of(Machine const& machine) {
    MemoryRange const range = machine.bundle;
    if (range.empty())
        stop_with_error("no bundle: this image holds no guest; `twofold image` adds them");
    auto const bundle = read_bundle({at<std::byte const>(range.begin), range.bytes()});
    if (!bundle) stop_with(bundle.error());
    return *bundle;
}

} // namespace twofold::hv
