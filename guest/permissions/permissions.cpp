// Meets every EPT permission with every access, at every level, and whatever else the processor may
// find wrong in an entry. What comes of each is in the report. Needs `--ept-probes`.
//
// The accesses go to the last page of memory. An entry above its level maps more than that page, so
// only those are changed that map nothing which the kernel needs: with more than 512 GiB of memory,
// all of them.
#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/memory.hpp"
#include "guest/kit/paging.hpp"
#include "guest/kit/processor.hpp"
#include "guest/permissions/probe.hpp"

#include <twofold/arch/bits.hpp>

#include <array>

namespace twofold::guest {

namespace {

using abi::ProbedAccess;

constexpr std::uint64_t permission_bits = 7;
constexpr std::uint64_t memory_type_bits = mask(5, 3);
constexpr std::uint8_t return_instruction = 0xc3;

/// What the kernel itself lies in ends well before so much is behind it.
constexpr std::uint64_t own_memory = std::uint64_t{2} << 20;

bool maps_own_memory(Gpa page, unsigned level) {
    std::uint64_t const span = std::uint64_t{4096} << (9 * (level - 1));
    return page.aligned_down(span) < Gpa{launch().free_begin + own_memory};
}

class Probes {
  public:
    void make(Target const& target, EntryChange const& change, ProbedAccess access) {
        if (change.level > 1 && maps_own_memory(target.page, change.level)) return;
        if (probe(target, change, access)) {
            ++made_;
        } else {
            ++refused_;
        }
    }
    void every_permission(Target const& target, unsigned level, ProbedAccess access) {
        for (std::uint64_t allowed = 0; allowed <= permission_bits; ++allowed)
            make(target, {level, permission_bits, allowed}, access);
    }
    int result() const {
        print(made_, " accesses through changed entries, ", refused_, " refused\n");
        return made_ == 0 ? 1 : 0;
    }

  private:
    std::uint64_t made_ = 0;
    std::uint64_t refused_ = 0;
};

void probe_permissions(Probes& probes, Target const& target) {
    for (unsigned level = 1; level <= 4; ++level)
        for (auto const access : {ProbedAccess::read, ProbedAccess::write, ProbedAccess::execute})
            probes.every_permission(target, level, access);
}

/// All other bits, one by one: reserved ones, addresses that the processor has not, what it
/// ignores.
void probe_other_bits(Probes& probes, Target const& target) {
    for (unsigned level = 1; level <= 4; ++level) {
        for (std::uint64_t type = 0; type < 8; ++type)
            probes.make(target, {level, memory_type_bits, type << 3}, ProbedAccess::read);
        for (unsigned position = 6; position < 64; ++position)
            probes.make(target, {level, 0, bit(position)}, ProbedAccess::read);
        // Not present: whatever else it holds does not count.
        probes.make(target, {level, permission_bits, memory_type_bits | mask(63, 52)},
                    ProbedAccess::read);
    }
}

/// The page that holds the last paging-structure entry on the way to `gva`, and the entry.
struct TableEntry {
    Gpa page;
    Gpa entry;
};
TableEntry table_entry(Gva gva) {
    TableEntry found;
    (void)walk_live(gva, [&](unsigned level, Gpa address, std::uint64_t) {
        if (level == 1) found = {address.aligned_down(4096), address};
    });
    return found;
}

/// Accesses of the processor's own walks to a page of the guest's paging structures.
void probe_walks(Probes& probes, Gpa page) {
    auto const region = map_region(page, 4096, page_4k);
    if (!region) return;
    auto const [table, entry] = table_entry(*region);
    auto* const word = pointer_to<std::uint64_t volatile>(entry);
    constexpr std::uint64_t accessed = bit(5);
    for (std::uint64_t allowed = 0; allowed <= permission_bits; ++allowed) {
        for (auto const access : {ProbedAccess::walk_read, ProbedAccess::walk_update}) {
            *word = access == ProbedAccess::walk_read ? *word | accessed : *word & ~accessed;
            invalidate_page(*region);
            probes.make({table, *region}, {1, permission_bits, allowed}, access);
        }
    }
}

} // namespace

int run_kernel(Arguments) {
    Gpa const page{launch().memory_bytes - 4096};
    auto* const code = pointer_to<std::uint8_t volatile>(page);
    *code = return_instruction;
    Target const target{page, Gva{page.value()}};
    Probes probes;
    probe_permissions(probes, target);
    probe_other_bits(probes, target);
    probe_walks(probes, page);
    if (*code != return_instruction) {
        print("the page has lost its contents\n");
        return 1;
    }
    return probes.result();
}

} // namespace twofold::guest
