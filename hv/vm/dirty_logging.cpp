#include "hv/vm/dirty_logging.hpp"

#include "hv/cpu/tick.hpp"
#include "hv/vm/guest_access.hpp"
#include "hv/vm/scheduler.hpp"
#include "hv/vmx/events.hpp"
#include "hv/vmx/invalidate.hpp"

#include <twofold/abi/hypercall.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace twofold::hv {

namespace {

bool refuse(Registers& registers, abi::HypercallError error) {
    registers.rax = static_cast<std::uint64_t>(error);
    return true;
}

bool is_of_the_launch(Guest const& guest) {
    return guest.dirty != nullptr && guest.dirty->of_the_launch;
}

void let_processor_log(bool on) {
    constexpr auto enable = static_cast<std::uint32_t>(bit(secondary_control::enable_pml));
    std::uint32_t const controls = read_vmcs(VmcsField32::secondary_controls);
    write_vmcs(VmcsField32::secondary_controls, on ? controls | enable : controls & ~enable);
}

DirtyMeans means_of(abi::DirtyLogging means) {
    switch (means) {
    case abi::DirtyLogging::off:
    case abi::DirtyLogging::write_protection: return DirtyMeans::write_protection;
    case abi::DirtyLogging::dirty_bits: return DirtyMeans::dirty_bits;
    case abi::DirtyLogging::page_modification_log: return DirtyMeans::page_modification_log;
    }
    return DirtyMeans::write_protection;
}

/// Takes the frames that a log needs. False, and none taken, when there are too few.
bool take_frames(Guest& guest, abi::DirtyLogging means) {
    FramePool& pool = guest.scheduler.host().pool;
    std::uint64_t const words = DirtyLog::words_for(guest.record.memory_bytes);
    std::uint64_t const bytes = 2 * words * sizeof(std::uint64_t);
    unsigned const level = bytes <= page_4k.bytes() ? 1 : bytes <= page_2m.bytes() ? 2 : 3;
    auto const block = bytes <= page_1g.bytes() ? pool.allocate(level) : std::nullopt;
    auto const own = pool.allocate();
    bool const wants_log = means == abi::DirtyLogging::page_modification_log;
    auto const processor_log = wants_log ? pool.allocate() : std::nullopt;
    if (!block || !own || (wants_log && !processor_log)) {
        if (block) pool.release(*block, level);
        if (own) pool.release(*own);
        if (processor_log) pool.release(*processor_log);
        return false;
    }
    auto* const first = at<std::uint64_t>(*block);
    guest.dirty = new (at<void>(*own)) DirtyLogging{.log = DirtyLog{std::span{first, words}},
                                                    .block = *block,
                                                    .block_level = level,
                                                    .collected = {first + words, words},
                                                    .processor_log = processor_log};
    return true;
}

void give_frames_back(Guest& guest) {
    FramePool& pool = guest.scheduler.host().pool;
    DirtyLogging* const own = std::exchange(guest.dirty, nullptr);
    DirtyLogging const gone = *own;
    if (gone.processor_log) pool.release(*gone.processor_log);
    pool.release(gone.block, gone.block_level);
    pool.release(Hpa{reinterpret_cast<std::uint64_t>(own)});
}

bool start(Guest& guest, abi::DirtyLogging means) {
    if (!take_frames(guest, means)) return false;
    auto const duty = guest.space.start_logging(guest.dirty->log, means_of(means));
    carry_out(duty ? *duty : guest.space.owed(), guest.ept_pointer);
    if (!duty) {
        give_frames_back(guest);
        return false;
    }
    if (guest.dirty->processor_log) {
        write_vmcs(VmcsField64::pml_address, guest.dirty->processor_log->value());
        write_vmcs(VmcsField16::guest_pml_index, PageModificationLog::empty);
        let_processor_log(true);
    }
    return true;
}

/// Copies into the running guest's memory. False where it has none.
bool write_guest(Guest& guest, Gva gva, std::span<std::byte const> bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        Gva const to = gva + done;
        auto const hpa = reach(guest, to, Access::write);
        if (!hpa) return false;
        std::size_t const length =
            std::min<std::size_t>(bytes.size() - done, 4096 - to.offset_in(4096));
        std::memcpy(at<void>(*hpa), bytes.data() + done, length);
        done += length;
    }
    return true;
}

} // namespace

/// "Page-Modification Logging": the index counts down, and below 0 the log is full.
void drain_processor_log(Guest& guest) {
    if (guest.dirty == nullptr || !guest.dirty->processor_log) return;
    std::uint16_t const index = read_vmcs(VmcsField16::guest_pml_index);
    PageModificationLog::drain(guest.space.memory(), *guest.dirty->processor_log, index,
                               guest.dirty->log);
    write_vmcs(VmcsField16::guest_pml_index, PageModificationLog::empty);
}

bool can_log_dirty(Guest const& guest, abi::DirtyLogging means) {
    if (means == abi::DirtyLogging::off || means == abi::DirtyLogging::write_protection)
        return true;
    bool const sets_bits = guest.sets_accessed_dirty();
    if (means == abi::DirtyLogging::dirty_bits) return sets_bits;
    auto const& capabilities = guest.scheduler.host().capabilities;
    return sets_bits && capabilities.secondary.may_be_one(secondary_control::enable_pml);
}

bool start_dirty_logging(Guest& guest, abi::DirtyLogging means) {
    bool done = false;
    do {
        done = start(guest, means);
    } while (!done && guest.scheduler.can_find_frames(SpaceError::out_of_frames));
    return done;
}

bool log_dirty_for(Guest& guest, Registers& registers) {
    auto const means = static_cast<abi::DirtyLogging>(registers.rdi);
    if (means > abi::DirtyLogging::page_modification_log)
        return refuse(registers, abi::HypercallError::bad_argument);
    if (is_of_the_launch(guest) || !can_log_dirty(guest, means))
        return refuse(registers, abi::HypercallError::not_allowed);
    stop_dirty_logging(guest);
    guest.time.look_after_next_exit();
    if (means != abi::DirtyLogging::off && !start_dirty_logging(guest, means))
        return refuse(registers, abi::HypercallError::out_of_frames);
    registers.rax = 0;
    return true;
}

bool collect_dirty_for(Guest& guest, Registers& registers) {
    if (is_of_the_launch(guest)) return refuse(registers, abi::HypercallError::not_allowed);
    if (guest.dirty == nullptr || registers.rsi != guest.dirty->collected.size())
        return refuse(registers, abi::HypercallError::bad_argument);
    drain_processor_log(guest);
    std::ranges::fill(guest.dirty->collected, 0);
    std::uint64_t pages = 0;
    Duty const duty = guest.space.collect_dirty([&](Gpa gpa) {
        std::uint64_t const page = gpa.value() >> page_4k.shift();
        guest.dirty->collected[page / 64] |= bit(static_cast<unsigned>(page % 64));
        ++pages;
    });
    carry_out(duty, guest.ept_pointer);
    guest.time.look_after_next_exit();
    if (!write_guest(guest, Gva{registers.rdi}, std::as_bytes(guest.dirty->collected)))
        return refuse(registers, abi::HypercallError::bad_argument);
    registers.rax = pages;
    return true;
}

bool handle_full_log(Guest& guest) {
    std::uint64_t const begin = read_ticks();
    drain_processor_log(guest);
    inject_interrupted_event();
    if (guest.dirty != nullptr) guest.dirty->ticks += read_ticks() - begin;
    return true;
}

void stop_dirty_logging(Guest& guest) {
    if (guest.dirty == nullptr) return;
    if (guest.dirty->processor_log) let_processor_log(false);
    guest.space.stop_logging();
    give_frames_back(guest);
}

ProcessorLogPause::ProcessorLogPause(Guest& guest) : guest_(guest) {
    if (guest.dirty == nullptr || !guest.dirty->processor_log) return;
    drain_processor_log(guest);
    let_processor_log(false);
}

ProcessorLogPause::~ProcessorLogPause() {
    if (guest_.dirty != nullptr && guest_.dirty->processor_log) let_processor_log(true);
}

} // namespace twofold::hv
