// What guests ask for that concerns their memory as a whole (abi/hypercall.hpp).
#include "hv/vm/exit_handlers.hpp"
#include "hv/vm/guest_report.hpp"
#include "hv/vm/scheduler.hpp"

#include <twofold/abi/hypercall.hpp>
#include <twofold/paging/map.hpp>

namespace twofold::hv {

namespace {

bool answer(Guest& guest, Registers& registers, std::uint64_t result) {
    registers.rax = result;
    guest.time.look_after_next_exit();
    return true;
}
bool refuse(Guest& guest, Registers& registers, abi::HypercallError error) {
    return answer(guest, registers, static_cast<std::uint64_t>(error));
}

/// Pages whose frame another entry leads to as well.
std::uint64_t shared_pages(Space& space, Gpa from, std::uint64_t bytes) {
    std::uint64_t count = 0;
    for (Gpa gpa = from; gpa < from + bytes;) {
        auto const [page, next] = space.private_small_page(gpa);
        if (page && space.pool().references(Hpa{page->entry.frame(page_4k)}) > 1) ++count;
        gpa = next;
    }
    return count;
}

void merge_pages(Guest& guest, Gpa from, std::uint64_t pages) {
    FramePool const& pool = guest.scheduler.host().pool;
    std::uint64_t const before = pool.frames_used();
    Merging const done = guest.scheduler.merge(guest, from, pages * page_4k.bytes());
    if (done.merged + done.zeroed == 0) return;
    report_merge(guest, {from, pages, done, before, pool.frames_used()});
}

/// Leaves at `level` in the GiB from `gpa` on.
std::uint64_t count_leaves(Space& space, Gpa gpa, unsigned level) {
    constexpr unsigned top = 3;
    auto const slot = find_slot(space.format(), space.root(), gpa, top, space.memory());
    if (!slot || slot->level != top || !slot->entry.present()) return 0;
    if (space.format().leaf(slot->entry, top)) return level == top ? 1 : 0;
    std::uint64_t count = 0;
    visit_entries(
        space.format(), Hpa{slot->entry.table()}, space.memory(),
        [&](unsigned at, EptEntry, bool is_leaf) { count += is_leaf && at == level ? 1 : 0; },
        top - 1);
    return count;
}

} // namespace

bool working_set_for(Guest& guest, Registers& registers) {
    if (!guest.sets_accessed_dirty())
        return refuse(guest, registers, abi::HypercallError::not_allowed);
    return answer(guest, registers, guest.scheduler.look_at_working_set(guest));
}

bool leaves_for(Guest& guest, Registers& registers) {
    Gpa const gpa = Gpa{registers.rdi}.aligned_down(page_1g.bytes());
    std::uint64_t const level = registers.rdi - gpa.value();
    if (level < 1 || level > 3 || gpa.value() >= guest.record.memory_bytes)
        return refuse(guest, registers, abi::HypercallError::bad_argument);
    return answer(guest, registers, count_leaves(guest.space, gpa, static_cast<unsigned>(level)));
}

bool merge_for(Guest& guest, Registers& registers) {
    Upkeep const* const upkeep = guest.scheduler.host().upkeep;
    if (upkeep == nullptr || !upkeep->merges_on_request())
        return refuse(guest, registers, abi::HypercallError::not_allowed);
    Gpa const from{registers.rdi};
    std::uint64_t const pages = registers.rsi;
    std::uint64_t const memory_pages = guest.record.memory_bytes / page_4k.bytes();
    if (!from.is_aligned(page_4k.bytes()) || pages == 0 || pages > abi::most_merged_pages ||
        registers.rcx > 1 || pages > memory_pages ||
        from.value() / page_4k.bytes() > memory_pages - pages)
        return refuse(guest, registers, abi::HypercallError::bad_argument);
    if (registers.rcx == 0) merge_pages(guest, from, pages);
    return answer(guest, registers, shared_pages(guest.space, from, pages * page_4k.bytes()));
}

} // namespace twofold::hv
