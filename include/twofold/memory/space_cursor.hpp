// Where a scanner stands that goes round the memory of all spaces of a registry.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/memory/space_registry.hpp>

#include <compare>
#include <cstdint>

namespace twofold {

/// Holds no pointer, so spaces may come and go between two steps.
template <class Space>
class SpaceCursor {
  public:
    explicit SpaceCursor(SpaceRegistry& registry) : registry_(&registry) {}

    /// The space that the cursor stands in, or nothing after the last one: wrap() then.
    [[nodiscard]] Space* space() {
        auto* const link = registry_->at_or_after(id_);
        if (link == nullptr) return nullptr;
        if (link->id() != id_) {
            id_ = link->id();
            gpa_ = Gpa{};
        }
        return static_cast<Space*>(link);
    }
    [[nodiscard]] Gpa gpa() const { return gpa_; }

    /// In the order of a round.
    struct Position {
        std::uint32_t id;
        Gpa gpa;
        friend auto operator<=>(Position const&, Position const&) = default;
    };
    [[nodiscard]] Position position() const { return {id_, gpa_}; }

    /// Goes on to `next` in `space`, or to the next space when its memory ends before.
    void advance(Space const& space, Gpa next) {
        bool const ends = next.value() >= space.options().memory_bytes;
        id_ = space.id() + (ends ? 1 : 0);
        gpa_ = ends ? Gpa{} : next;
    }
    void wrap() {
        id_ = 1;
        gpa_ = Gpa{};
    }

  private:
    SpaceRegistry* registry_;
    std::uint32_t id_ = 1;
    Gpa gpa_;
};

} // namespace twofold
