// A processor that caches translations of the second dimension, as far as the Intel SDM allows it
// (vol. 3, "Caching Translation Information"): whole ones, and the tables of level 1.
#pragma once

#include "support/recording_memory.hpp"

#include <twofold/arch/access.hpp>
#include <twofold/paging/walk.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace twofold::test {

class CachingProcessor {
  public:
    using Ept = EptFormat<4>;

    explicit CachingProcessor(RecordingMemory memory) : memory_(std::move(memory)) {}

    /// Where the access goes, from what is cached if that allows it; nothing: an EPT violation,
    /// which drops what is cached of the gpa.
    std::optional<Hpa> access(Hpa root, Gpa gpa, Access wanted) {
        auto const page = std::pair{root.value(), gpa.value() >> 12};
        auto const region = std::pair{root.value(), gpa.value() >> 21};
        if (auto const cached = pages_.find(page); cached != pages_.end()) {
            if (cached->second.permissions.allow(wanted))
                return cached->second.frame + gpa.offset_in(4096);
        } else if (auto const found = walk_from_caches(root, gpa, region)) {
            if (found->permissions.allow(wanted)) {
                pages_[page] = {found->frame, found->permissions};
                return found->frame + gpa.offset_in(4096);
            }
        }
        pages_.erase(page);
        tables_.erase(region);
        return std::nullopt;
    }

    /// INVEPT, single-context.
    void invalidate(Hpa root) {
        std::erase_if(pages_, [&](auto const& page) { return page.first.first == root.value(); });
        std::erase_if(tables_,
                      [&](auto const& table) { return table.first.first == root.value(); });
    }

  private:
    struct Cached {
        Hpa frame;
        Permissions permissions;
    };
    using Key = std::pair<std::uint64_t, std::uint64_t>;

    std::optional<Cached> walk_from_caches(Hpa root, Gpa gpa, Key region) {
        if (auto const table = tables_.find(region); table != tables_.end())
            return last_level(table->second, gpa);
        Cached above{{}, Permissions::all()};
        Hpa table = root;
        for (unsigned level = 4; level > 1; --level) {
            EptEntry const entry = entry_of(table, gpa, level);
            if (!entry.present()) return std::nullopt;
            above.permissions = above.permissions & entry.permissions();
            if (entry.leaf(level)) {
                PageSize const size = Ept::page_size(level);
                Hpa const first{entry.frame(size)};
                return Cached{first + gpa.aligned_down(4096).offset_in(size.bytes()),
                              above.permissions};
            }
            table = Hpa{entry.table()};
        }
        auto const found = last_level({table, above.permissions}, gpa);
        tables_[region] = {table, above.permissions};
        return found;
    }
    std::optional<Cached> last_level(Cached const& table, Gpa gpa) {
        EptEntry const entry = entry_of(table.frame, gpa, 1);
        if (!entry.present()) return std::nullopt;
        return Cached{Hpa{entry.frame(page_4k)}, table.permissions & entry.permissions()};
    }
    [[nodiscard]] EptEntry entry_of(Hpa table, Gpa gpa, unsigned level) const {
        auto const address = table + std::uint64_t{Ept::index(gpa, level)} * 8;
        return EptEntry{memory_.get<std::uint64_t>(address.value())};
    }

    RecordingMemory memory_;
    std::map<Key, Cached> pages_;
    /// `frame` is the table's, `permissions` those of the entries above it.
    std::map<Key, Cached> tables_;
};

} // namespace twofold::test
