// What must hold of any set of guest spaces over one pool, checked by looking at every table.
#pragma once

#include "catch.hpp"

#include <twofold/memory/guest_space.hpp>

#include <cstdint>
#include <map>
#include <set>
#include <span>

namespace twofold::test {

/// Counts, over all spaces, the entries that point to each frame; a table that several share is
/// looked into once.
template <class Space>
class SpaceCensus {
  public:
    explicit SpaceCensus(std::vector<std::optional<Space>>& spaces) {
        for (auto& space : spaces) {
            if (!space) continue;
            ++pointers_[space->root().value()];
            visit(*space, space->root(), 4);
        }
    }

    /// Entries (and spaces, for their roots) that point to each frame in use.
    [[nodiscard]] std::map<std::uint64_t, std::uint64_t> const& pointers() const {
        return pointers_;
    }
    /// 4 KiB frames that all of this takes.
    [[nodiscard]] std::uint64_t frames() const { return frames_; }
    /// Frames that an entry which allows writing points to.
    [[nodiscard]] std::set<std::uint64_t> const& writable() const { return writable_; }

  private:
    void visit(Space& space, Hpa table, unsigned level) {
        if (!seen_.insert(table.value()).second) return;
        ++frames_;
        for (std::uint64_t index = 0; index < 512; ++index) {
            EptEntry const entry{
                space.memory().template get<std::uint64_t>(table.value() + 8 * index)};
            if (!entry.present()) continue;
            PageSize const size{12 + 9 * (level - 1)};
            bool const leaf = entry.leaf(level);
            std::uint64_t const target = leaf ? entry.frame(size) : entry.table();
            ++pointers_[target];
            if (entry.permissions().write) writable_.insert(target);
            if (!leaf) visit(space, Hpa{target}, level - 1);
            if (leaf && seen_.insert(target).second) frames_ += size.frames();
        }
    }

    std::map<std::uint64_t, std::uint64_t> pointers_;
    std::set<std::uint64_t> seen_;
    std::set<std::uint64_t> writable_;
    std::uint64_t frames_ = 0;
};

/// Reference counts are counts of entries; what may be written through an entry has that entry
/// alone; no frame is lost. `held`: a frame that has one reference from elsewhere, as the zero
/// frame has.
template <class Space>
void require_space_laws(std::vector<std::optional<Space>>& spaces, FramePool& pool,
                        std::optional<Hpa> held = std::nullopt) {
    SpaceCensus<Space> const census{spaces};
    bool held_seen = false;
    for (auto const& [frame, pointers] : census.pointers()) {
        bool const is_held = held && held->value() == frame;
        held_seen = held_seen || is_held;
        if (pool.references(Hpa{frame}) != pointers + (is_held ? 1 : 0)) {
            FAIL("frame " << frame << " has " << pool.references(Hpa{frame}) << " references and "
                          << pointers << " entries");
        }
    }
    for (std::uint64_t const frame : census.writable()) {
        if (pool.references(Hpa{frame}) != 1) FAIL("frame " << frame << " is writable and shared");
    }
    if (pool.frames_used() != census.frames() + (held && !held_seen ? 1 : 0)) {
        FAIL(pool.frames_used() << " frames in use, " << census.frames() << " reachable");
    }
}

} // namespace twofold::test
