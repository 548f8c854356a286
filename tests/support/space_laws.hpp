// What must hold of any set of guest spaces over one pool, checked by looking at every table.
#pragma once

#include "catch.hpp"

#include <twofold/memory/guest_space.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

namespace twofold::test {

/// Counts, over all spaces, the entries of each level that point to each frame; a table that
/// several share is looked into once.
template <class Space>
class SpaceCensus {
  public:
    /// A frame and the level of the leaf that maps it; tables count as level 1.
    using Target = std::pair<std::uint64_t, unsigned>;

    explicit SpaceCensus(std::vector<std::optional<Space>>& spaces) {
        for (auto& space : spaces) {
            if (!space) continue;
            ++pointers_[{space->root().value(), 1}];
            visit(*space, space->root(), 4);
        }
    }

    [[nodiscard]] std::map<Target, std::uint64_t> const& pointers() const { return pointers_; }
    /// 4 KiB frames that all of this reaches.
    [[nodiscard]] std::uint64_t frames() const { return frames_.size(); }
    /// Whether any of it lies below `end`.
    [[nodiscard]] bool reaches_below(Hpa end) const {
        return std::ranges::any_of(frames_, [&](auto frame) { return frame < end.value(); });
    }
    /// Entries that name each swap slot.
    [[nodiscard]] std::map<std::uint32_t, std::uint32_t> const& slots() const { return slots_; }
    /// What an entry that allows writing points to.
    [[nodiscard]] std::set<Target> const& writable() const { return writable_; }

  private:
    void visit(Space& space, Hpa table, unsigned level) {
        if (!tables_.insert(table.value()).second) return;
        frames_.insert(table.value());
        for (std::uint64_t index = 0; index < 512; ++index) {
            EptEntry const entry{
                space.memory().template get<std::uint64_t>(table.value() + 8 * index)};
            if (SwappedEntry::is(entry.word())) ++slots_[SwappedEntry::slot(entry.word()).number];
            if (!entry.present()) continue;
            PageSize const size{12 + 9 * (level - 1)};
            bool const leaf = entry.leaf(level);
            Target const target{leaf ? entry.frame(size) : entry.table(), leaf ? level : 1};
            if (entry.permissions().write) writable_.insert(target);
            if (++pointers_[target] > 1 && leaf) continue;
            if (!leaf) visit(space, Hpa{target.first}, level - 1);
            for (std::uint64_t part = 0; leaf && part < size.bytes(); part += 4096)
                frames_.insert(target.first + part);
        }
    }

    std::map<Target, std::uint64_t> pointers_;
    std::unordered_set<std::uint64_t> tables_;
    std::unordered_set<std::uint64_t> frames_;
    std::set<Target> writable_;
    std::map<std::uint32_t, std::uint32_t> slots_;
};

/// The same for swap slots.
template <class Space>
void require_slot_laws(SpaceCensus<Space> const& census, SwapArea const& swap) {
    for (auto const& [slot, pointers] : census.slots()) {
        if (swap.references({slot}) != pointers)
            FAIL("slot " << slot << " has " << swap.references({slot}) << " references and "
                         << pointers << " entries");
    }
    if (swap.slots_used() != census.slots().size())
        FAIL(swap.slots_used() << " slots in use, " << census.slots().size() << " reachable");
}

/// Reference counts are counts of entries; what may be written through an entry has that entry
/// alone; no frame and no slot is lost. `held`: a frame that has one reference from elsewhere, as
/// the zero frame has; `beside`: how many frames more are in use that no space has.
template <class Space>
void require_space_laws(std::vector<std::optional<Space>>& spaces, FramePool& pool,
                        std::optional<Hpa> held = std::nullopt, SwapArea const* swap = nullptr,
                        std::uint64_t beside = 0) {
    SpaceCensus<Space> const census{spaces};
    if (swap != nullptr) require_slot_laws(census, *swap);
    bool held_seen = false;
    for (auto const& [target, pointers] : census.pointers()) {
        auto const [frame, level] = target;
        bool const is_held = held && held->value() == frame;
        held_seen = held_seen || is_held;
        if (pool.references(Hpa{frame}, level) != pointers + (is_held ? 1 : 0)) {
            FAIL("frame " << frame << " has " << pool.references(Hpa{frame}, level)
                          << " references and " << pointers << " entries at level " << level);
        }
    }
    for (auto const& [frame, level] : census.writable()) {
        if (!pool.exclusive(Hpa{frame}, level))
            FAIL("frame " << frame << " is writable and shared");
    }
    if (pool.frames_used() != census.frames() + (held && !held_seen ? 1 : 0) + beside) {
        FAIL(pool.frames_used() << " frames in use, " << census.frames() << " reachable");
    }
}

} // namespace twofold::test
