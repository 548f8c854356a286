// Whether every reference count is the number of entries that there are, and no memory is anybody's
// whose it may not be.
#pragma once

#include <twofold/memory/frame_audit_types.hpp>
#include <twofold/memory/frame_pool.hpp>
#include <twofold/paging/memory.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace twofold {

/// Goes through all spaces of a pool twice: what each entry points to loses a reference, and then
/// all counts must be zero; and has it back. So do the swap slots that entries name. A table that
/// several share is entered once. Needs no memory but a byte of each frame's record. No space may
/// change meanwhile.
class FrameAudit {
  public:
    /// `swap`: that of the spaces, if they have one.
    explicit FrameAudit(FramePool& pool, SwapArea* swap = nullptr)
        : pool_(pool), data_(pool.data_), slots_(swap) {}

    /// `visit_all(audit)` shows the audit everything that has a reference, by space(), own() and
    /// shared(); it is called twice, and must do the same both times.
    template <class VisitAll>
    AuditResult run(VisitAll&& visit_all) {
        result_ = {};
        result_.frames = pool_.frames_total();
        result_.faults = pool_.faults();
        phase_ = Phase::subtract;
        visit_all(*this);
        expect_zero();
        slots_.expect_zero();
        phase_ = Phase::add_back;
        visit_all(*this);
        complete_first();
        look_across_levels();
        for (Frame& frame : data_.frames)
            frame.seen = 0;
        result_.swap = slots_.finish();
        return result_;
    }

    template <class Space>
    void space(Space& space) {
        if (phase_ == Phase::subtract) ++result_.spaces;
        if (refer(space.root(), 1, Role::table, false))
            walk(space, space.root(), std::remove_cvref_t<decltype(space.format())>::levels);
    }
    /// The hypervisor's own: no guest may reach it.
    void own(Hpa frame, unsigned level = 1) {
        (void)refer(frame, level, level == 1 ? Role::table : Role::memory, level != 1);
    }
    /// One reference to a frame that guests may have as well, such as the zero frame.
    void shared(Hpa frame) { (void)refer(frame, 1, Role::memory, false); }

  private:
    using What = AuditFinding::What;
    enum class Phase : std::uint8_t { subtract, add_back };
    enum class Role : std::uint8_t { table, memory };

    // Bits of Frame::seen.
    static constexpr std::uint8_t as_table = 1;
    static constexpr std::uint8_t entered_again = 1U << 7;
    static constexpr std::uint8_t as_memory(unsigned level) {
        return static_cast<std::uint8_t>(1U << level);
    }
    static constexpr std::uint8_t as_writable(unsigned level) {
        return static_cast<std::uint8_t>(8U << level);
    }
    static constexpr std::uint8_t writable_below(unsigned level) {
        return static_cast<std::uint8_t>(as_writable(level) - as_writable(1));
    }
    /// Everything that entries below `level` have made of a frame.
    static constexpr std::uint8_t below(unsigned level) {
        return static_cast<std::uint8_t>(as_memory(level) - 1) | writable_below(level);
    }

    bool refer(Hpa frame, unsigned level, Role role, bool writable);
    void note(std::uint64_t at, unsigned level, Role role, bool writable);
    template <class Space>
    void walk(Space& space, Hpa table, unsigned level);
    void refer_to_slot(std::uint64_t word);
    void find(What what, std::uint64_t frame_number, unsigned level);
    void expect_zero();
    void complete_first();
    void look_across_levels();
    void look_into(std::uint64_t begin, unsigned level);

    FramePool& pool_;
    FrameMetadata& data_;
    SlotAudit slots_;
    AuditResult result_;
    /// What was left of the count that the first finding is about.
    std::uint32_t first_left_ = 0;
    Phase phase_ = Phase::subtract;
};

/// One reference. Returns whether it leads to a table that this phase has not entered yet.
inline bool FrameAudit::refer(Hpa frame, unsigned level, Role role, bool writable) {
    std::uint64_t const at = pool_.index(frame);
    if (at >= data_.frames.size()) {
        if (phase_ == Phase::subtract) find(What::foreign_memory, frame.value() >> 12, level);
        return false;
    }
    std::uint8_t& seen = data_.frames[at].seen;
    std::uint32_t& count = pool_.count(frame, level);
    if (phase_ == Phase::add_back) {
        ++count;
        bool const first = (seen & entered_again) == 0;
        if (role == Role::table) seen |= entered_again;
        return first && role == Role::table;
    }
    --count;
    ++result_.references;
    bool const first = (seen & as_table) == 0;
    note(at, level, role, writable);
    return first && role == Role::table;
}

inline void FrameAudit::note(std::uint64_t at, unsigned level, Role role, bool writable) {
    std::uint8_t& seen = data_.frames[at].seen;
    std::uint8_t const before = seen;
    std::uint8_t const kind = role == Role::table ? as_table : as_memory(level);
    seen = static_cast<std::uint8_t>(seen | kind | (writable ? as_writable(level) : 0));
    std::uint64_t const number = at + pool_.first_;
    bool const is_table = (seen & as_table) != 0;
    bool const is_memory = (seen & (as_memory(1) | as_memory(2) | as_memory(3))) != 0;
    if (is_table && is_memory) return find(What::table_as_memory, number, level);
    if ((before & kind) != 0 && (seen & as_writable(level)) != 0)
        find(What::writable_and_shared, number, level);
}

template <class Space>
void FrameAudit::walk(Space& space, Hpa table, unsigned level) {
    using Format = std::remove_cvref_t<decltype(space.format())>;
    using Word = typename Format::Word;
    for (std::uint64_t offset = 0; offset < page_4k.bytes(); offset += sizeof(Word)) {
        auto const word = space.memory().template read<Word>(table + offset);
        typename Format::Entry const entry{word ? *word : 0};
        if (!entry.present()) {
            refer_to_slot(entry.word());
            continue;
        }
        bool const writable = entry.permissions().write;
        if (space.format().leaf(entry, level)) {
            Hpa const frame{entry.frame(Format::page_size(level))};
            (void)refer(frame, level, Role::memory, writable);
        } else if (Hpa const below{entry.table()}; refer(below, 1, Role::table, writable)) {
            walk(space, below, level - 1);
        }
    }
}

inline void FrameAudit::refer_to_slot(std::uint64_t word) {
    if (!SwappedEntry::is(word)) return;
    SwapSlot const slot = SwappedEntry::slot(word);
    if (phase_ == Phase::subtract) {
        slots_.subtract(slot);
    } else {
        slots_.add_back(slot);
    }
}

/// `number` of the frame that this is about.
inline void FrameAudit::find(What what, std::uint64_t number, unsigned level) {
    if (result_.mismatches++ == 0) result_.first = AuditFinding{what, Hpa{number << 12}, level};
}

/// Of what nobody has pointed to the count was zero before.
inline void FrameAudit::expect_zero() {
    for (unsigned level = 1; level <= 3; ++level) {
        auto const counts = data_.references[level - 1];
        for (std::uint64_t block = 0; block < counts.size(); ++block) {
            if (counts[block] == 0) continue;
            if (result_.mismatches == 0) first_left_ = counts[block];
            find(What::wrong_count, pool_.first_ + (block << FramePool::shift(level)), level);
        }
    }
}

/// Once all references are back.
inline void FrameAudit::complete_first() {
    if (!result_.first || result_.first->what != What::wrong_count) return;
    result_.first->counted = pool_.references(result_.first->frame, result_.first->level);
    result_.first->found = result_.first->counted - first_left_;
}

/// A frame that a table or a small leaf has, and a larger leaf as well.
inline void FrameAudit::look_across_levels() {
    for (unsigned level = 2; level <= 3 && pool_.has_large_blocks(); ++level) {
        auto const counts = data_.references[level - 1];
        for (std::uint64_t block = 0; block < counts.size(); ++block)
            if (counts[block] != 0) look_into(block << FramePool::shift(level), level);
    }
}

inline void FrameAudit::look_into(std::uint64_t begin, unsigned level) {
    std::uint64_t const end =
        std::min(begin + (std::uint64_t{1} << FramePool::shift(level)), data_.frames.size());
    bool const whole_is_writable = (data_.frames[begin].seen & as_writable(level)) != 0;
    for (std::uint64_t at = begin; at < end; ++at) {
        std::uint8_t const seen = data_.frames[at].seen & below(level);
        if ((seen & as_table) != 0) {
            find(What::table_as_memory, pool_.first_ + at, level);
        } else if (seen != 0 && (whole_is_writable || (seen & writable_below(level)) != 0)) {
            find(What::writable_and_shared, pool_.first_ + at, level);
        }
    }
}

} // namespace twofold
