#include "sim/read_ahead.hpp"

#include <algorithm>
#include <utility>

namespace twofold::vmm {

namespace {

constexpr std::size_t accesses_a_batch = 4096;
constexpr std::size_t most_batches = 8;

} // namespace

ReadAhead::ReadAhead(std::unique_ptr<AccessSource> source)
    : source_(std::move(source)), reader_([this](std::stop_token const& stop) { read(stop); }) {}

std::size_t ReadAhead::next(std::span<TraceAccess> batch) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return !ready_.empty(); });
    Batch const& first = ready_.front();
    if (first.empty()) {
        if (failure_) std::rethrow_exception(failure_);
        return 0;
    }
    auto const left = std::span{first}.subspan(given_);
    std::size_t const count = std::min(left.size(), batch.size());
    std::ranges::copy(left.first(count), batch.begin());
    given_ += count;
    if (given_ == first.size()) {
        ready_.pop_front();
        given_ = 0;
        changed_.notify_all();
    }
    return count;
}

void ReadAhead::read(std::stop_token const& stop) {
    try {
        read_all(stop);
    } catch (...) {
        failure_ = std::current_exception(); // `put` hands it over
    }
    put({}, stop);
}

void ReadAhead::read_all(std::stop_token const& stop) {
    while (!stop.stop_requested()) {
        Batch batch(accesses_a_batch);
        batch.resize(source_->next(batch));
        if (batch.empty()) return;
        put(std::move(batch), stop);
    }
}

void ReadAhead::put(Batch batch, std::stop_token const& stop) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait(lock, stop, [this] { return ready_.size() < most_batches; })) return;
    ready_.push_back(std::move(batch));
    changed_.notify_all();
}

} // namespace twofold::vmm
