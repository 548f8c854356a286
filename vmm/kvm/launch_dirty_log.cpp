#include "kvm/launch_dirty_log.hpp"

#include "kvm/guest_records.hpp"
#include "kvm/ticks.hpp"

namespace twofold::vmm::kvm {

namespace {

DirtyPages pages_of(std::vector<std::uint64_t> const& words) {
    DirtyPages found;
    twofold::DirtyLog::for_each_in(words,
                                   [&](Gpa gpa) { found.add(gpa.value() >> page_4k.shift()); });
    return found;
}

} // namespace

LaunchDirtyLog::LaunchDirtyLog(Wanted const& wanted, Parts parts)
    : wanted_(wanted), parts_(std::move(parts)),
      all_(twofold::DirtyLog::words_for(parts_.ram.bytes().size())) {
    std::uint64_t const begin = read_ticks();
    log_.emplace(parts_.machine, parts_.ram);
    ticks_ = read_ticks() - begin;
    if (wanted_.every.count() > 0) due_ = Clock::now() + wanted_.every;
}

void LaunchDirtyLog::collect(std::uint64_t ticks_run) {
    if (due_) due_ = Clock::now() + wanted_.every;
    if (log_) report_interval(ticks_run);
}

void LaunchDirtyLog::report_interval(std::uint64_t ticks_run) {
    std::uint64_t const begin = read_ticks();
    auto const words = log_->collect();
    for (std::size_t n = 0; n < all_.size(); ++n)
        all_[n] |= words[n];
    DirtyPages const found = pages_of(words);
    std::uint64_t const ticks = read_ticks() - begin;
    ticks_ += ticks;
    parts_.report(dirty_pages_record(parts_.guest, intervals_++, found, ticks_run, ticks));
}

void LaunchDirtyLog::end(std::uint64_t ticks_run) {
    due_.reset();
    if (!log_) return;
    report_interval(ticks_run);
    log_.reset();
    parts_.report(
        dirty_log_record(parts_.guest, wanted_.means, intervals_, pages_of(all_), ticks_));
}

} // namespace twofold::vmm::kvm
