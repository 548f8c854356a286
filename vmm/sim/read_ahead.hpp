// A stream that is read, unpacked and parsed on a thread of its own, while another simulates.
#pragma once

#include "sim/access_source.hpp"

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace twofold::vmm {

/// The same accesses in the same order as `source`'s, and its failure after those before it. Holds
/// a fixed number of accesses, whatever the length of the stream.
class ReadAhead final : public AccessSource {
  public:
    explicit ReadAhead(std::unique_ptr<AccessSource> source);
    std::size_t next(std::span<TraceAccess> batch) override;

  private:
    using Batch = std::vector<TraceAccess>;

    void read(std::stop_token const& stop);
    void read_all(std::stop_token const& stop);
    /// Waits for room. An empty batch is the end.
    void put(Batch batch, std::stop_token const& stop);

    std::unique_ptr<AccessSource> source_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<Batch> ready_;
    /// Accesses of the first batch that `next` has given.
    std::size_t given_ = 0;
    std::exception_ptr failure_;
    /// Last, so that it ends before what it uses does.
    std::jthread reader_;
};

} // namespace twofold::vmm
