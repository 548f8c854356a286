#include "hv/boot/native_launch.hpp"

#include "hv/boot/native_entry_state.h"
#include "hv/boot/native_memory.hpp"
#include "hv/boot/own_page_tables.hpp"
#include "hv/cpu/panic.hpp"
#include "hv/device/serial_ports.hpp"

#include <twofold/abi/text.hpp>
#include <twofold/arch/control_register.hpp>
#include <twofold/arch/msr.hpp>
#include <twofold/load/load_error_text.hpp>
#include <twofold/load/load_guest.hpp>

#include <optional>
#include <string_view>

/// enter_native_guest.S
extern "C" [[noreturn]] void enter_native_guest(std::uint64_t entry, std::uint64_t cr3,
                                                std::uint64_t launch_info);

namespace twofold::hv {

namespace {

static_assert(NATIVE_CR0 ==
              (cr0::protection_enable | cr0::monitor_coprocessor | cr0::extension_type |
               cr0::numeric_error | cr0::write_protect | cr0::paging));
static_assert(NATIVE_CR4 == (cr4::physical_address_extension | cr4::os_fxsr));
static_assert(NATIVE_EFER ==
              (efer::long_mode_enable | efer::long_mode_active | efer::execute_disable_enable));

using Message = abi::TextBuffer<320>;

[[noreturn]] void stop_with(LoadError const& error) {
    Message message;
    message("the guest cannot be loaded: ");
    describe(error, message);
    stop_with_error(message.text());
}

/// What keeps a guest from using `range`, and what would help.
std::string_view obstacle(Machine const& machine, MemoryRange range) {
    ImageSections const image = image_sections();
    if (range.begin < image.text) return "where the firmware keeps its data; link it at ";
    if (range.overlaps({image.text, image.end})) return "where the hypervisor is; link it at ";
    if (range.overlaps(machine.bundle)) return "where the image's guests are; link it at ";
    return "not all of which this machine has; give it less memory, and link it at ";
}

[[noreturn]] void stop_for_want_of(Machine const& machine, MemoryRange range) {
    Message message;
    message("the guest cannot run natively: it needs the memory from ");
    abi::put_hexadecimal(message, range.begin.value());
    message(" to ");
    abi::put_hexadecimal(message, range.end.value());
    message(", ");
    message(obstacle(machine, range));
    abi::put_hexadecimal(message, abi::guest_link_address);
    stop_with_error(message.text());
}

GuestOptions options_of(Bundle const& bundle, abi::GuestRecord const& record) {
    return {
        .memory_bytes = record.memory_bytes,
        .guest_page = PageSize{record.guest_page_shift},
        .host_page_shift = 0,
        .habitat = abi::Habitat::native,
        .command_line = bundle.command_line(record),
        .memory_reads_zero = false,
    };
}

} // namespace

void launch_natively(Machine const& machine, Bundle const& bundle) {
    abi::GuestRecord const record = bundle.guest(0);
    NativeMemory memory{machine.free.left()};
    auto const guest = load_guest(bundle.elf(record), options_of(bundle, record), memory);
    if (!guest && guest.error().cause) stop_for_want_of(machine, guest.error().cause->range);
    if (!guest) stop_with(guest.error().error);

    // Tables of the hypervisor may stand in the rest, which is the guest's from now on.
    MemoryRange const rest{Hpa{guest->free_begin.value()}, Hpa{record.memory_bytes}};
    if (!machine.memory.hold(rest)) stop_for_want_of(machine, rest);

    drain_serial_ports();
    blame_native_guest();
    enter_native_guest(guest->entry.value(), guest->cr3.value(), guest->launch_info.value());
}

} // namespace twofold::hv
