// Making room when frames run low: cold pages of all spaces go to their swap areas.
#pragma once

#include <twofold/memory/reverse_map.hpp>
#include <twofold/memory/space_cursor.hpp>

#include <cstdint>

namespace twofold {

/// A clock that goes round the memory of all spaces of a registry: a page that was accessed since
/// the hand last passed is passed once more, one that was not leaves. Only when that does not give
/// enough, pages that several spaces share leave, which costs each of them. None of the spaces may
/// run meanwhile, those without a swap area lose nothing.
template <class Space>
class Reclaimer {
  public:
    explicit Reclaimer(SpaceRegistry& registry)
        : registry_(&registry), private_(registry), shared_(registry) {}

    /// Returns how many frames came free: fewer than `wanted` when no more can leave.
    /// `carry_out(space, duty)` performs a duty; it is called right after each change.
    template <class CarryOut>
    std::uint64_t make_room(std::uint64_t wanted, CarryOut&& carry_out) {
        std::uint64_t freed = 0;
        // From where the hand stands to the end, then round twice: once to age, once to take.
        for (unsigned rounds = 0; freed < wanted && rounds < 3;) {
            Space* const space = private_.space();
            if (space == nullptr) {
                private_.wrap();
                ++rounds;
                continue;
            }
            auto const done = space->reclaim(private_.gpa(), batch, wanted - freed);
            if (done.duty.must_invalidate()) carry_out(*space, done.duty);
            freed += done.frames;
            bool const ended = done.next == Gpa{};
            private_.advance(*space, ended ? Gpa{space->options().memory_bytes} : done.next);
        }
        return freed < wanted ? freed + take_shared(wanted - freed, carry_out) : freed;
    }

  private:
    /// Entries between two duties.
    static constexpr std::uint64_t batch = 512;

    template <class CarryOut>
    std::uint64_t take_shared(std::uint64_t wanted, CarryOut&& carry_out) {
        std::uint64_t freed = 0;
        for (unsigned rounds = 0; freed < wanted && rounds < 2;) {
            Space* const space = shared_.space();
            if (space == nullptr) {
                shared_.wrap();
                ++rounds;
                continue;
            }
            Gpa const gpa = shared_.gpa();
            auto const slot = find_slot(space->format(), space->root(), gpa, 1, space->memory());
            if (!slot) break;
            auto const size =
                std::remove_cvref_t<decltype(space->format())>::page_size(slot->level).bytes();
            shared_.advance(*space, gpa.aligned_down(size) + size);
            freed += swap_out_shared(*registry_, *space, gpa, carry_out) ? 1 : 0;
        }
        return freed;
    }

    SpaceRegistry* registry_;
    SpaceCursor<Space> private_;
    SpaceCursor<Space> shared_;
};

} // namespace twofold
