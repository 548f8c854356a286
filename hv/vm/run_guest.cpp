#include "hv/vm/run_guest.hpp"

#include "hv/cpu/msr.hpp"
#include "hv/cpu/tick.hpp"
#include "hv/vm/exit_handlers.hpp"
#include "hv/vm/guest_report.hpp"
#include "hv/vm/vector_state.hpp"
#include "hv/vmx/guest_state.hpp"
#include "hv/vmx/instructions.hpp"
#include "hv/vmx/invalidate.hpp"
#include "hv/vmx/operation.hpp"

#include <twofold/abi/launch_info.hpp>
#include <twofold/arch/ept_pointer.hpp>
#include <twofold/arch/msr.hpp>
#include <twofold/load/load_error_text.hpp>
#include <twofold/load/load_guest.hpp>

/// enter.S
extern "C" bool run_guest(twofold::hv::Guest* guest, twofold::hv::Registers const* registers,
                          bool launch);

namespace twofold::hv {

namespace {

using Message = abi::TextBuffer<320>;

std::string_view first_argument(std::string_view command_line) {
    return command_line.substr(0, command_line.find('\0'));
}

std::string_view text_of(SpaceError error) {
    switch (error) {
    case SpaceError::outside_memory: return "it lies outside the guest's memory";
    case SpaceError::out_of_frames:
        return "this machine has no free frame left; give the machine more memory, or the guest "
               "less";
    case SpaceError::denied: return "the mapping forbids it";
    case SpaceError::bad_memory_size:
        return "the memory size is not a multiple of the EPT page, or too large";
    case SpaceError::bad_page_size: return "EPT has no page of that size";
    }
    return "";
}

/// When a guest that starts now must have ended.
std::optional<std::uint64_t> deadline(Host const& host, abi::GuestRecord const& record) {
    if (record.time_limit_milliseconds == 0) return std::nullopt;
    std::uint64_t const per_millisecond = host.ticks_per_second / 1000;
    constexpr std::uint64_t most = ~std::uint64_t{0} >> 8;
    bool const fits = record.time_limit_milliseconds <= most / (per_millisecond + 1);
    return read_ticks() + (fits ? record.time_limit_milliseconds * per_millisecond + 1 : most);
}

/// No guest finds in the processor what another left there.
void reset_processor_state() {
    reset_vector_state();
    for (Msr const number : {Msr::star, Msr::lstar, Msr::cstar, Msr::fmask, Msr::kernel_gs_base})
        write_msr(number, 0);
    asm volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3"
                 :
                 : "r"(std::uint64_t{0}));
    constexpr std::uint64_t dr6_after_reset = 0xffff'0ff0;
    asm volatile("mov %0, %%dr6" : : "r"(dr6_after_reset));
    asm volatile("mov %0, %%cr2" : : "r"(std::uint64_t{0}));
}

/// The guest's space with everything in it, or why not.
std::expected<GuestLayout, Message> load(Guest& guest, Bundle const& bundle,
                                         abi::GuestRecord const& record) {
    Message message;
    GuestOptions const options{.memory_bytes = record.memory_bytes,
                               .guest_page = PageSize{record.guest_page_shift},
                               .host_page_shift = record.host_page_shift,
                               .habitat = abi::Habitat::hypervisor,
                               .command_line = bundle.command_line(record),
                               .memory_reads_zero = true};
    if (record.populate == abi::Populate::eager) {
        if (auto const populated = guest.space.populate(); !populated) {
            message("not all memory could be mapped beforehand: ");
            message(text_of(populated.error()));
            return std::unexpected(message);
        }
    }
    auto const layout = load_guest(bundle.elf(record), options, guest.space);
    if (layout) return *layout;
    if (layout.error().cause) {
        message("the guest's memory could not be filled: ");
        message(text_of(*layout.error().cause));
    } else {
        describe(layout.error().error, message);
    }
    return std::unexpected(message);
}

bool prepare_processor(Host const& host, Guest const& guest, GuestLayout const& layout) {
    if (!make_current_vmcs(host.capabilities, host.vmcs)) return false;
    write_controls(host.capabilities, {guest.ept_pointer, guest.vpid});
    write_host_state(host.machine.descriptor_tables);
    write_entry_state(layout.entry, layout.cr3);
    reset_processor_state();
    // The space's root may be the frame of an earlier one.
    invalidate_all_spaces();
    invalidate_guest_mappings(guest.vpid);
    return true;
}

void run(Host const& host, Guest& guest, abi::GuestRecord const& record,
         GuestLayout const& layout) {
    if (!prepare_processor(host, guest, layout)) {
        guest.end("entry_failure", 1, "the processor refused the VMCS");
        report_guest_stop(guest, 0, 0);
        return;
    }
    Registers registers{};
    registers.rdi = layout.launch_info.value();

    std::uint64_t const begin = read_ticks();
    report_guest_start(guest.index, guest.name, record,
                       begin - host.machine.boot_info.ticks_at_start);
    guest.time.deadline = deadline(host, record);
    look_at_clock(guest);
    std::uint64_t const entered = read_ticks();
    if (!run_guest(&guest, &registers, true)) {
        guest.end_with("entry_failure", 1, [&](auto& sink) {
            sink("VM entry failed with VM-instruction error ");
            abi::put_decimal(sink, read_vmcs(VmcsField32::instruction_error));
        });
    }
    report_guest_stop(guest, read_vmcs(VmcsFieldNatural::guest_rip), read_ticks() - entered);
}

} // namespace

void run_guest_from(Host const& host, Bundle const& bundle, std::uint32_t index) {
    abi::GuestRecord const record = bundle.guest(index);
    std::string_view const name = first_argument(bundle.command_line(record));
    auto const format = host.capabilities.ept_format();
    auto space = Space::create(
        host.pool, HostMemory{}, format,
        {.memory_bytes = record.memory_bytes, .leaf = PageSize{record.host_page_shift}});
    if (!space) return report_load_error(index, name, text_of(space.error()));

    bool const accessed_dirty = host.capabilities.has_ept(ept_capability::accessed_dirty);
    std::uint64_t const ept_pointer_value = ept_pointer(space->root(), 4, accessed_dirty);
    Guest guest{.index = index,
                .name = name,
                .space = std::move(*space),
                .ept_pointer = ept_pointer_value,
                .vpid = static_cast<std::uint16_t>(index % 0xffff + 1),
                .physical_bits = host.capabilities.physical_bits,
                .time = {.deadline = std::nullopt,
                         .timer_shift = host.capabilities.preemption_timer_shift}};
    auto const layout = load(guest, bundle, record);
    if (!layout) return report_load_error(index, name, layout.error().text());
    run(host, guest, record, *layout);
}

} // namespace twofold::hv
