#include "hv/vm/launch_guest.hpp"

#include "hv/vm/clone_guest.hpp"
#include "hv/vm/guest_report.hpp"
#include "hv/vm/load_memory.hpp"
#include "hv/vm/space_error_text.hpp"
#include "hv/vmx/guest_state.hpp"
#include "hv/vmx/instructions.hpp"
#include "hv/vmx/invalidate.hpp"
#include "hv/vmx/operation.hpp"

#include <twofold/abi/launch_info.hpp>
#include <twofold/load/load_error_text.hpp>
#include <twofold/load/load_guest.hpp>

#include <new>
#include <utility>

namespace twofold::hv {

namespace {

using Message = abi::TextBuffer<320>;

std::string_view first_argument(std::string_view command_line) {
    return command_line.substr(0, command_line.find('\0'));
}

TimeLimit time_limit(Host const& host, abi::GuestRecord const& record) {
    std::uint64_t const per_millisecond = host.ticks_per_second / 1000;
    std::uint64_t const weight = std::max<std::uint64_t>(record.weight, 1);
    TimeLimit limit{.ticks_left = std::nullopt,
                    .turn = weight * per_millisecond,
                    .timer_shift = host.capabilities.preemption_timer_shift};
    if (record.time_limit_milliseconds == 0) return limit;
    constexpr std::uint64_t most = ~std::uint64_t{0} >> 8;
    bool const fits = record.time_limit_milliseconds <= most / (per_millisecond + 1);
    limit.ticks_left = fits ? record.time_limit_milliseconds * per_millisecond + 1 : most;
    return limit;
}

bool guest_asks_for_stock(abi::GuestRecord const& record) {
    return (record.flags & abi::GuestRecord::zeroed_stock) != 0;
}

std::expected<Space, SpaceError> make_space(Host const& host, abi::GuestRecord const& record) {
    bool const small_only = (host.wanted.flags & abi::MemoryRecord::nx_huge_pages) != 0;
    return Space::create(
        host.pool, HostMemory{}, host.capabilities.ept_format(),
        {.memory_bytes = record.memory_bytes,
         .leaf = PageSize{record.host_page_shift},
         .zero_frame = host.upkeep != nullptr ? host.upkeep->zero_frame() : std::nullopt,
         .stock = guest_asks_for_stock(record) ? &host.stock : nullptr,
         .swap = host.policy != nullptr ? host.policy->swap_area() : nullptr,
         .executable = small_only ? ExecutablePages::small_only : ExecutablePages::any_size});
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
        auto const populated = guest.scheduler.with_frames([&] { return guest.space.populate(); });
        if (!populated) {
            message("not all memory could be mapped beforehand: ");
            message(text_of(populated.error()));
            return std::unexpected(message);
        }
    }
    // Only now: what is mapped beforehand must not leave while the rest is.
    guest.scheduler.watch(guest);
    LoadMemory memory{guest.scheduler, guest.space};
    auto const layout = load_guest(bundle.elf(record), options, memory);
    carry_out(guest.space.owed(), guest.ept_pointer);
    if (layout) return *layout;
    if (layout.error().cause) {
        message("the guest's memory could not be filled: ");
        message(text_of(*layout.error().cause));
    } else {
        describe(layout.error().error, message);
    }
    return std::unexpected(message);
}

/// Makes the guest's frame a VMCS and fills it.
bool prepare_processor(Host const& host, Guest const& guest, GuestLayout const& layout) {
    if (!make_current_vmcs(host.capabilities, guest.vmcs)) return false;
    write_controls(host.capabilities, {guest.ept_pointer, guest.vpid});
    write_host_state(host.machine.descriptor_tables);
    write_entry_state(layout.entry, layout.cr3);
    invalidate_guest_mappings(guest.vpid);
    return true;
}

/// The clones that the guest's record asks for, in the state before its first instruction.
void add_clones(Guest& guest) {
    for (std::uint32_t made = 0; made < guest.record.clones; ++made) {
        auto const clone = clone_guest(guest, guest.registers, guest.registers.rax);
        if (clone) continue;
        Message message;
        message("the clone could not be made: ");
        message(text_of(clone.error()));
        report_load_error(guest.scheduler.take_clone_number(), guest.name, message.text());
        return;
    }
}

} // namespace

void launch_guest(Scheduler& scheduler, Bundle const& bundle, std::uint32_t index) {
    Host const& host = scheduler.host();
    abi::GuestRecord const record = bundle.guest(index);
    std::string_view const name = first_argument(bundle.command_line(record));
    auto const give_up = [&](SpaceError error) {
        scheduler.take_back(record.memory_bytes);
        report_load_error(index, name, text_of(error));
    };
    if (!scheduler.promise(record.memory_bytes))
        return report_load_error(index, name, text_of(SpaceError::over_committed));
    auto space = scheduler.with_frames([&] { return make_space(host, record); });
    if (!space) return give_up(space.error());
    auto const frames = scheduler.with_frames([&] { return scheduler.allocate_guest(); });
    if (!frames) return give_up(frames.error());

    std::uint64_t const ept_pointer = ept_pointer_for(host.capabilities, record, space->root());
    auto* const guest =
        new (at<void>(frames->guest)) Guest{.scheduler = scheduler,
                                            .index = index,
                                            .name = name,
                                            .record = record,
                                            .vmcs = frames->vmcs,
                                            .space = std::move(*space),
                                            .ept_pointer = ept_pointer,
                                            .vpid = vpid_of(index),
                                            .physical_bits = host.capabilities.physical_bits,
                                            .time = time_limit(host, record)};
    auto const layout = load(*guest, bundle, record);
    if (layout && prepare_processor(host, *guest, *layout)) {
        guest->registers.rdi = layout->launch_info.value();
        scheduler.add(*guest);
        return add_clones(*guest);
    }
    report_load_error(index, name,
                      layout ? "the processor refused the VMCS" : layout.error().text());
    scheduler.remove(*guest);
}

} // namespace twofold::hv
