// A processor's accesses under EPT, with the accessed and dirty bits and the page-modification log
// of the Intel SDM (vol. 3, "Accessed and Dirty Flags for EPT" and "Page-Modification Logging").
#pragma once

#include "catch.hpp"
#include "support/recording_memory.hpp"

#include <twofold/memory/dirty_log.hpp>
#include <twofold/memory/guest_space.hpp>
#include <twofold/paging/ept_access.hpp>

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <utility>
#include <vector>

namespace twofold::test {

/// Caches nothing: every access walks.
template <class Space>
class FakeMmu {
  public:
    using Ept = EptFormat<4>;

    explicit FakeMmu(RecordingMemory memory) : memory_(std::move(memory)) {}

    /// EPTP bit 6.
    bool accessed_dirty = false;
    /// Where the processor logs, if it does; its index, and who is told that the log is full.
    std::optional<Hpa> log_page;
    std::uint16_t log_index = PageModificationLog::empty;
    DirtyLog* log = nullptr;
    std::uint64_t log_full_exits = 0;
    std::uint64_t violations = 0;

    /// One access, with the violations on the way answered by the space. Where it went, or why it
    /// cannot go on.
    std::expected<Hpa, SpaceError> access(Space& space, EptAccess const& wanted) {
        for (int attempt = 0; attempt < 4; ++attempt) {
            auto const outcome =
                access_by_ept(Ept{}, space.root(), wanted, accessed_dirty, memory_);
            if (outcome.kind == EptOutcome::Kind::misconfiguration)
                FAIL("misconfiguration at level " << outcome.level);
            if (outcome.kind == EptOutcome::Kind::done) {
                note(space.root(), wanted);
                return outcome.hpa;
            }
            ++violations;
            EptViolationQualification const qualification{outcome.qualification};
            auto const answer = space.resolve({.gpa = wanted.gpa,
                                               .access = qualification.access(),
                                               .during_walk = qualification.during_walk()});
            if (!answer) return std::unexpected(answer.error());
        }
        FAIL("the violation at " << wanted.gpa.value() << " comes again and again");
        return {};
    }

    std::expected<void, SpaceError> write(Space& space, Gpa gpa, std::uint8_t value) {
        auto const hpa = access(space, {.gpa = gpa, .access = Access::write});
        if (!hpa) return std::unexpected(hpa.error());
        memory_.put(hpa->value(), value);
        return {};
    }
    std::expected<std::uint8_t, SpaceError> read(Space& space, Gpa gpa,
                                                 Access access_kind = Access::read) {
        auto const hpa = access(space, {.gpa = gpa, .access = access_kind});
        if (!hpa) return std::unexpected(hpa.error());
        return memory_.template get<std::uint8_t>(hpa->value());
    }

    /// What a hypervisor does before it collects, and when the log is full.
    void drain() {
        if (log_page && log != nullptr)
            PageModificationLog::drain(memory_, *log_page, log_index, *log);
        log_index = PageModificationLog::empty;
    }

  private:
    void note(Hpa root, EptAccess const& wanted) {
        if (!accessed_dirty) return;
        bool const writes = ept_checked_access(wanted, true) == Access::write;
        Hpa table = root;
        for (unsigned level = 4;; --level) {
            auto const address = (table + std::uint64_t{Ept::index(wanted.gpa, level)} * 8).value();
            EptEntry const entry{memory_.template get<std::uint64_t>(address)};
            bool const leaf = entry.leaf(level);
            auto word = entry.word() | EptEntry::accessed_bit;
            if (leaf && writes) {
                if (!entry.dirty()) log_write(wanted.gpa);
                word |= EptEntry::dirty_bit;
            }
            memory_.put(address, word);
            if (leaf) return;
            table = Hpa{entry.table()};
        }
    }
    void log_write(Gpa gpa) {
        if (!log_page) return;
        if (log_index >= PageModificationLog::entries) {
            ++log_full_exits;
            drain();
        }
        memory_.put((*log_page + std::uint64_t{log_index} * 8).value(),
                    gpa.aligned_down(4096).value());
        --log_index;
    }

    RecordingMemory memory_;
};

} // namespace twofold::test
