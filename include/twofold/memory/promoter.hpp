// Promotion in the background: small pages become large ones wherever 512 neighbours agree.
#pragma once

#include <twofold/arch/page_size.hpp>
#include <twofold/memory/guest_space_types.hpp>
#include <twofold/memory/space_cursor.hpp>

#include <cstdint>

namespace twofold {

/// What one step has come to; all are counts.
struct Promoting {
    /// Tables looked at, and stretches that have none.
    std::uint64_t steps = 0;
    std::uint64_t promoted = 0;
    /// Of these, those whose pages lay apart and were copied into one block.
    std::uint64_t moved = 0;
    bool pass_ended = false;
};

/// Goes round all spaces of a registry. None of them may run during a step.
template <class Space>
class Promoter {
  public:
    /// While fewer are free, spaces that have a swap area are left as they are.
    static constexpr std::uint64_t frames_low = page_2m.frames();

    /// `largest`: 2 MiB or 1 GiB.
    explicit Promoter(SpaceRegistry& registry, PageSize largest = page_2m)
        : cursor_(registry), largest_(largest) {}

    /// Looks at up to `steps` tables from where the last step ended. `carry_out(space, duty)`
    /// performs a duty; it is called right after each change.
    template <class CarryOut>
    Promoting step(std::uint64_t steps, CarryOut&& carry_out) {
        Promoting result;
        for (; result.steps < steps && !result.pass_ended; ++result.steps) {
            Space* const space = cursor_.space();
            if (space == nullptr) {
                cursor_.wrap();
                result.pass_ended = true;
            } else {
                look(*space, result, carry_out);
            }
        }
        return result;
    }

  private:
    template <class CarryOut>
    void look(Space& space, Promoting& result, CarryOut&& carry_out) {
        Gpa const gpa = cursor_.gpa();
        auto const [page, next] = space.private_small_page(gpa);
        Gpa const after = page ? gpa.aligned_down(page_2m.bytes()) + page_2m.bytes()
                               : Gpa{aligned_up(next.value(), page_2m.bytes())};
        if (page) promote(space, gpa, page_2m, result, carry_out);
        // Once all of a gibibyte has been looked at.
        if (largest_ == page_1g && after.is_aligned(page_1g.bytes()))
            promote(space, Gpa{after.value() - page_1g.bytes()}, page_1g, result, carry_out);
        cursor_.advance(space, after);
    }

    template <class CarryOut>
    void promote(Space& space, Gpa gpa, PageSize size, Promoting& result, CarryOut&& carry_out) {
        // A page that was split for want of frames stays so until there are enough again.
        if (space.options().swap != nullptr && space.pool().frames_free() < frames_low) return;
        auto const done = space.promote(gpa, size);
        if (!done) return;
        carry_out(space, done->duty);
        ++result.promoted;
        result.moved += done->moved ? 1 : 0;
    }

    SpaceCursor<Space> cursor_;
    PageSize largest_;
};

} // namespace twofold
