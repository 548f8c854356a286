// Making room when frames run low: cold pages of all spaces go to their swap areas.
#pragma once

#include <twofold/memory/reverse_map.hpp>
#include <twofold/memory/space_cursor.hpp>
#include <twofold/memory/table_reserve.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace twofold {

/// A clock that goes round the memory of all spaces of a registry: a page that was accessed since
/// the hand last passed is passed once more, one that was not leaves. Where no cold small page is
/// left, cold large ones are split and leave in parts. Only when that does not give enough, pages
/// that several spaces share leave, which costs each of them. None of the spaces may run meanwhile,
/// those without a swap area lose nothing.
template <class Space>
class Reclaimer {
  public:
    explicit Reclaimer(SpaceRegistry& registry)
        : registry_(&registry), private_(registry), large_(registry), shared_(registry) {}

    /// From now on large pages leave as well. Takes TableReserve::capacity frames out of `pool`,
    /// that of the spaces, while there are some; until end().
    void split_large_pages(FramePool& pool) { reserve_.emplace(pool).fill(); }
    /// Gives these back.
    void end() {
        if (reserve_) reserve_->give_back();
        reserve_.reset();
    }
    [[nodiscard]] std::span<Hpa const> reserve() const {
        return reserve_ ? reserve_->frames() : std::span<Hpa const>{};
    }
    /// How many large pages were split to make room.
    [[nodiscard]] std::uint64_t pages_split() const { return pages_split_; }

    /// Returns how many frames came free: fewer than `wanted` when no more can leave.
    /// `carry_out(space, duty)` performs a duty; it is called right after each change.
    template <class CarryOut>
    std::uint64_t make_room(std::uint64_t wanted, CarryOut&& carry_out) {
        bool const any_large = reserve_ && reserve_->pool().has_large_blocks();
        std::uint64_t freed = 0;
        if (any_large) freed += take_cold(wanted, carry_out);
        if (any_large && freed < wanted) freed += split_cold(wanted - freed, carry_out);
        // From where the hand stands to the end, then round twice: once to age, once to take.
        for (unsigned rounds = 0; freed < wanted && rounds < 3;) {
            Space* const space = private_.space();
            if (space == nullptr) {
                private_.wrap();
                ++rounds;
                continue;
            }
            freed += take_private(*space, batch, wanted - freed, carry_out);
        }
        // By now all of them are cold.
        if (any_large && freed < wanted) freed += split_cold(wanted - freed, carry_out);
        return freed < wanted ? freed + take_shared(wanted - freed, carry_out) : freed;
    }

  private:
    /// Entries between two duties.
    static constexpr std::uint64_t batch = 512;

    /// Calls `go(space, end)` from where `cursor` stands once round to there, until it returns
    /// false. It moves the cursor, and looks at nothing from `end` on.
    template <class Go>
    static void go_round(SpaceCursor<Space>& cursor, Go&& go) {
        Space* space = cursor.space();
        auto const start = cursor.position();
        for (bool wrapped = false;; space = cursor.space()) {
            if (space == nullptr) {
                if (wrapped) return;
                cursor.wrap();
                wrapped = true;
                continue;
            }
            if (wrapped && cursor.position() >= start) return;
            bool const is_last = wrapped && space->id() == start.id;
            if (!go(*space, is_last ? start.gpa : Gpa{space->options().memory_bytes})) return;
        }
    }

    template <class CarryOut>
    std::uint64_t take_private(Space& space, std::uint64_t entries, std::uint64_t wanted,
                               CarryOut&& carry_out) {
        auto const done = space.reclaim(private_.gpa(), entries, wanted);
        if (done.duty.must_invalidate()) carry_out(space, done.duty);
        bool const ended = done.next == Gpa{};
        private_.advance(space, ended ? Gpa{space.options().memory_bytes} : done.next);
        return done.frames;
    }

    /// Small pages that were not accessed since the hand last passed, and no others.
    template <class CarryOut>
    std::uint64_t take_cold(std::uint64_t wanted, CarryOut&& carry_out) {
        std::uint64_t freed = 0;
        go_round(private_, [&](Space& space, Gpa end) {
            std::uint64_t const entries = pages_for(end - private_.gpa(), page_4k);
            freed += take_private(space, std::min(batch, entries), wanted - freed, carry_out);
            return freed < wanted;
        });
        return freed;
    }

    /// The same of large pages, in parts.
    template <class CarryOut>
    std::uint64_t split_cold(std::uint64_t wanted, CarryOut&& carry_out) {
        std::uint64_t freed = 0;
        go_round(large_, [&](Space& space, Gpa end) {
            Gpa const gpa = large_.gpa();
            if (space.options().swap == nullptr) {
                large_.advance(space, end);
                return true;
            }
            auto const page = space.look_at_large_page(gpa);
            if (page.duty.must_invalidate()) carry_out(space, page.duty);
            if (page.is_cold) freed += split_and_take(space, gpa, wanted - freed, carry_out);
            // One of 1 GiB has others in it now.
            large_.advance(space, page.is_cold ? gpa.aligned_down(page_2m.bytes()) + page_2m.bytes()
                                               : page.next);
            return freed < wanted;
        });
        return freed;
    }

    /// Returns the frames that came free beside those that the reserve took back.
    template <class CarryOut>
    std::uint64_t split_and_take(Space& space, Gpa gpa, std::uint64_t wanted,
                                 CarryOut&& carry_out) {
        reserve_->give_back();
        std::uint64_t const free_before = reserve_->pool().frames_free();
        auto const split = space.split(gpa);
        Duty const duty = split ? *split : space.owed();
        if (duty.must_invalidate()) carry_out(space, duty);
        std::uint64_t const tables = free_before - reserve_->pool().frames_free();
        std::uint64_t taken = 0;
        if (split) {
            ++pages_split_;
            auto const done =
                space.reclaim(gpa.aligned_down(page_2m.bytes()), page_2m.frames(), wanted + tables);
            if (done.duty.must_invalidate()) carry_out(space, done.duty);
            taken = done.frames;
        }
        reserve_->fill();
        return taken > tables ? taken - tables : 0;
    }

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
    SpaceCursor<Space> large_;
    SpaceCursor<Space> shared_;
    std::optional<TableReserve> reserve_;
    std::uint64_t pages_split_ = 0;
};

} // namespace twofold
