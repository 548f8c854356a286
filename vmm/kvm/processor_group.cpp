#include "kvm/processor_group.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm::kvm {

ProcessorGroup::ProcessorGroup(std::deque<Processor>& processors, GuestRam const& ram,
                               Outbox& outbox, Board& board) {
    for (auto& processor : processors)
        threads_.push_back(std::make_unique<ProcessorThread>(processor, ram, outbox, board));
}

ProcessorGroup::~ProcessorGroup() {
    request_stop({"time_limit", 1, "the run was ended"});
    // Each may still tell all others: none is put away before all have come to their end.
    for (auto const& thread : threads_)
        thread->join();
}

void ProcessorGroup::start(std::function<void()> before, std::function<void(Stop const&)> after) {
    after_ = std::move(after);
    // None comes to its end before all of them have started.
    std::lock_guard const lock{mutex_};
    for (std::size_t n = 0; n < threads_.size(); ++n)
        threads_[n]->start(before, [this, n](Stop const& stop) { finish(n, stop); });
}

void ProcessorGroup::end_at_rest() {
    rest_.emplace(threads_.size());
    for (std::size_t n = 0; n < threads_.size(); ++n)
        threads_[n]->watch_rest(*rest_, n);
}

void ProcessorGroup::request_stop(Stop const& stop) {
    std::lock_guard const lock{mutex_};
    if (finished_ == threads_.size()) return;
    for (auto const& thread : threads_)
        thread->request_stop(stop);
}

void ProcessorGroup::finish(std::size_t number, Stop stop) {
    {
        std::lock_guard const lock{mutex_};
        if (!stop_) {
            if (threads_.size() > 1 && !stop.message.empty())
                stop.message = fmt::format("processor {}: {}", number, stop.message);
            stop_ = std::move(stop);
            ended_by_ = number;
            for (std::size_t n = 0; n < threads_.size(); ++n)
                if (n != number) threads_[n]->request_stop(*stop_);
        }
        if (++finished_ < threads_.size()) return;
    }
    after_(*stop_);
}

std::map<std::string, std::uint64_t> ProcessorGroup::exits() const {
    std::map<std::string, std::uint64_t> all;
    for (auto const& thread : threads_)
        for (auto const& [name, count] : thread->exits())
            all[name] += count;
    return all;
}

std::uint64_t ProcessorGroup::ticks() const {
    std::uint64_t most = 0;
    for (auto const& thread : threads_)
        most = std::max(most, thread->ticks());
    return most;
}

} // namespace twofold::vmm::kvm
