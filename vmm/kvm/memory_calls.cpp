#include "kvm/memory_calls.hpp"

#include "kvm/guest_records.hpp"
#include "kvm/host_leaves.hpp"
#include "kvm/host_page_size.hpp"
#include "system/failure.hpp"

#include <algorithm>

namespace twofold::vmm::kvm {

namespace {
constexpr std::uint64_t refusal(abi::HypercallError error) {
    return static_cast<std::uint64_t>(error);
}
} // namespace

MemoryCalls::~MemoryCalls() { forget_merged(0, parts_.ram.bytes().size() / page_4k.bytes()); }

void MemoryCalls::forget_merged(std::uint64_t first, std::uint64_t pages) {
    if (merged_) parts_.merger->forget(parts_.ram, first, pages);
}

std::uint64_t MemoryCalls::answer(abi::Hypercall call, kvm_regs const& registers,
                                  kvm_sregs const& special) {
    try {
        switch (call) {
        case abi::Hypercall::log_dirty: return log_dirty(registers.rdi);
        case abi::Hypercall::collect_dirty:
            return collect_dirty(Gva{registers.rdi}, registers.rsi, special);
        case abi::Hypercall::merge: return merge(Gpa{registers.rdi}, registers.rsi, registers.rcx);
        case abi::Hypercall::working_set: return working_set();
        case abi::Hypercall::leaves: return leaves(registers.rdi);
        case abi::Hypercall::resize_pages: return resize(Gpa{registers.rdi}, registers.rsi);
        default: return refusal(abi::HypercallError::unknown_number);
        }
    } catch (Failure const&) {
        return refusal(abi::HypercallError::out_of_frames);
    }
}

/// By whichever means: KVM takes the one that the processor has.
std::uint64_t MemoryCalls::log_dirty(std::uint64_t means) {
    if (means > static_cast<std::uint64_t>(abi::DirtyLogging::page_modification_log))
        return refusal(abi::HypercallError::bad_argument);
    if (parts_.is_logged) return refusal(abi::HypercallError::not_allowed);
    log_.reset();
    if (means != static_cast<std::uint64_t>(abi::DirtyLogging::off))
        log_.emplace(parts_.machine, parts_.ram);
    return 0;
}

std::uint64_t MemoryCalls::collect_dirty(Gva to, std::uint64_t words, kvm_sregs const& special) {
    if (parts_.is_logged) return refusal(abi::HypercallError::not_allowed);
    if (!log_ || words != twofold::DirtyLog::words_for(parts_.ram.bytes().size()))
        return refusal(abi::HypercallError::bad_argument);
    auto const written = log_->collect();
    if (!GuestView{special, parts_.ram}.write(to, parts_.ram, std::as_bytes(std::span{written})))
        return refusal(abi::HypercallError::bad_argument);
    std::uint64_t pages = 0;
    twofold::DirtyLog::for_each_in(written, [&](Gpa) { ++pages; });
    return pages;
}

std::uint64_t MemoryCalls::merge(Gpa first, std::uint64_t pages, std::uint64_t only_count) {
    bool const can_merge = parts_.merger != nullptr && parts_.stands_still &&
                           !parts_.has_fault_handler && parts_.ram.can_share_pages();
    if (!can_merge) return refusal(abi::HypercallError::not_allowed);
    std::uint64_t const memory_pages = parts_.ram.bytes().size() / page_4k.bytes();
    std::uint64_t const number = first.value() / page_4k.bytes();
    if (!first.is_aligned(page_4k.bytes()) || pages == 0 || pages > abi::most_merged_pages ||
        only_count > 1 || pages > memory_pages || number > memory_pages - pages)
        return refusal(abi::HypercallError::bad_argument);
    if (only_count == 0) {
        stop_watching();
        merged_ = true;
        auto const done = parts_.merger->offer(parts_.ram, number, pages);
        if (done.merged + done.zeroed != 0)
            parts_.report(merge_record(parts_.guest, first, pages, done));
    }
    return parts_.merger->shared(parts_.ram, number, pages);
}

std::uint64_t MemoryCalls::working_set() {
    if (!parts_.stands_still || parts_.has_fault_handler || !parts_.ram.is_plain())
        return refusal(abi::HypercallError::not_allowed);
    if (!watch_) watch_.emplace(parts_.ram);
    auto const pages = watch_->look();
    if (!pages) return refusal(abi::HypercallError::not_allowed);
    parts_.report(working_set_record(parts_.guest, *pages));
    return *pages;
}

std::uint64_t MemoryCalls::resize(Gpa gpa, std::uint64_t shift) const {
    bool const can_resize = parts_.may_resize && parts_.stands_still && !parts_.has_fault_handler;
    if (!can_resize) return refusal(abi::HypercallError::not_allowed);
    auto const memory = parts_.ram.bytes();
    if (gpa.value() >= memory.size() || (shift != page_4k.shift() && shift != page_2m.shift()))
        return refusal(abi::HypercallError::bad_argument);
    auto const outcome = shift == page_4k.shift() ? split_host_page(memory, gpa.value())
                                                  : join_host_pages(memory, gpa.value());
    if (outcome == ResizeOutcome::done) return 0;
    return refusal(outcome == ResizeOutcome::not_whole ? abi::HypercallError::bad_argument
                                                       : abi::HypercallError::not_allowed);
}

/// Of the host's page tables: KVM maps no page by a larger leaf than Linux does.
std::uint64_t MemoryCalls::leaves(std::uint64_t gpa_and_level) const {
    auto const memory = parts_.ram.bytes();
    std::uint64_t const gpa = Gpa{gpa_and_level}.aligned_down(page_1g.bytes()).value();
    std::uint64_t const level = gpa_and_level - gpa;
    if (level < 1 || level > 3 || gpa >= memory.size())
        return refusal(abi::HypercallError::bad_argument);
    PageSize const large = parts_.ram.page() == page_1g ? page_1g : page_2m;
    auto const bytes = std::min<std::uint64_t>(memory.size() - gpa, page_1g.bytes());
    auto const found = count_host_leaves(memory.subspan(gpa, bytes), large);
    if (!found) return refusal(abi::HypercallError::not_allowed);
    if (level == 1) return found->small;
    return level == (large == page_1g ? 3 : 2) ? found->large : 0;
}

void MemoryCalls::note_release(Gpa first, std::uint64_t pages) {
    stop_watching();
    if (log_) log_->note_release(first, pages);
    forget_merged(first.value() / page_4k.bytes(), pages);
}

void MemoryCalls::settle() {
    stop_watching();
    if (merged_) parts_.merger->part(parts_.ram);
    merged_ = false;
}

} // namespace twofold::vmm::kvm
