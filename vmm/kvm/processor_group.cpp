#include "kvm/processor_group.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twofold::vmm::kvm {

ProcessorGroup::ProcessorGroup(std::deque<Processor>& processors, GuestRam& ram,
                               GuestServices const& services, Board& board) {
    for (unsigned number = 0; auto& processor : processors)
        threads_.push_back(
            std::make_unique<ProcessorThread>(processor, ram, services, board, number++));
}

ProcessorGroup::~ProcessorGroup() {
    request_stop({"time_limit", 1, "the run was ended"});
    // Each may still tell all others: none is put away before all have come to their end.
    for (auto const& thread : threads_)
        thread->join();
}

void ProcessorGroup::start(std::function<void()> const& before, After after) {
    after_ = std::move(after);
    // None comes to its end before all of them have started.
    std::lock_guard const lock{mutex_};
    for (std::size_t n = 0; n < threads_.size(); ++n)
        threads_[n]->start(before, [this, n](Stop const& stop) { return finish(n, stop); });
}

void ProcessorGroup::end_at_rest() {
    rest_.emplace(threads_.size());
    for (auto const& thread : threads_)
        thread->watch_rest(*rest_);
}

void ProcessorGroup::debug(DebugGate& gate) {
    for (auto const& thread : threads_)
        thread->debug(gate);
}

void ProcessorGroup::request_stop(Stop const& stop) {
    std::lock_guard const lock{mutex_};
    if (!told_) told_ = stop;
    if (finished_ == threads_.size()) return;
    for (auto const& thread : threads_)
        thread->request_stop(stop);
}

bool ProcessorGroup::finish(std::size_t number, Stop stop) {
    std::unique_lock lock{mutex_};
    if (!stop_) {
        if (threads_.size() > 1 && !stop.message.empty())
            stop.message = fmt::format("processor {}: {}", number, stop.message);
        stop_ = std::move(stop);
        ended_by_ = number;
        for (std::size_t n = 0; n < threads_.size(); ++n)
            if (n != number) threads_[n]->request_stop(*stop_);
    }
    if (++finished_ < threads_.size()) {
        decided_.wait(lock, [this, end = ends_] { return ends_ != end; });
        return again_;
    }
    again_ = ask_after(lock);
    if (again_) begin_again();
    ++ends_;
    decided_.notify_all();
    return again_;
}

/// What comes after an end may wait for the thread that tells the guest to stop.
bool ProcessorGroup::ask_after(std::unique_lock<std::mutex>& lock) {
    auto const ask = [&](Stop const& stop, bool for_good) {
        lock.unlock();
        bool const wanted = after_(stop, for_good);
        lock.lock();
        return wanted && !for_good;
    };
    bool const wanted = ask(Stop{*stop_}, false);
    // A guest that would go on ends by what it was told meanwhile, not by the end of its last run.
    if (wanted && told_) return ask(Stop{*told_}, true);
    return wanted;
}

void ProcessorGroup::begin_again() {
    stop_.reset();
    finished_ = 0;
    for (auto const& thread : threads_)
        thread->forget_requests();
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
