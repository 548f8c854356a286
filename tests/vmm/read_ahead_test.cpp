#include "sim/read_ahead.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace read_ahead_test {

using namespace twofold;
using namespace twofold::vmm;

namespace {

/// 0, 1, 2 and so on; at the end it may fail.
class Numbered final : public AccessSource {
  public:
    Numbered(std::uint64_t length, bool fails,
             std::shared_ptr<std::atomic<std::uint64_t>> given = nullptr)
        : length_(length), fails_(fails), given_(std::move(given)) {}
    std::size_t next(std::span<TraceAccess> batch) override {
        std::size_t count = 0;
        while (count < batch.size() && at_ < length_)
            batch[count++].gva = Gva{at_++};
        if (count == 0 && fails_) throw Failure{"the end"};
        if (given_) *given_ += count;
        return count;
    }

  private:
    std::uint64_t length_;
    bool fails_;
    std::shared_ptr<std::atomic<std::uint64_t>> given_;
    std::uint64_t at_ = 0;
};

} // namespace

TEST_CASE("a stream that is read ahead is the stream, up to where it fails") {
    for (std::uint64_t const length : {0U, 1U, 4095U, 4096U, 4097U, 100'000U}) {
        for (bool const fails : {false, true}) {
            CAPTURE(length, fails);
            ReadAhead ahead{std::make_unique<Numbered>(length, fails)};
            std::vector<TraceAccess> batch(1000);
            std::uint64_t seen = 0;
            bool failed = false;
            try {
                while (auto const count = ahead.next(batch))
                    for (TraceAccess const& one : std::span{batch}.first(count))
                        REQUIRE(one.gva.value() == seen++);
                CHECK(ahead.next(batch) == 0);
            } catch (Failure const&) {
                failed = true;
            }
            CHECK(seen == length);
            CHECK(failed == fails);
        }
    }
}

TEST_CASE("reading ahead stops with its reader, and does not run away from it") {
    auto const given = std::make_shared<std::atomic<std::uint64_t>>(0);
    {
        ReadAhead ahead{std::make_unique<Numbered>(~std::uint64_t{0}, false, given)};
        std::vector<TraceAccess> batch(1);
        CHECK(ahead.next(batch) == 1);
        for (int i = 0; i < 2000 && *given < 9 * 4096; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
        // What has no limit would be far beyond it by now.
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    CHECK(*given >= 9 * 4096);
    CHECK(*given <= 11 * 4096);
}

} // namespace read_ahead_test
