// Invalidation on several processors: what a space has given up is nobody else's before every
// processor that may still hold a translation to it has dropped that.
#pragma once

#include <twofold/memory/frame_pool.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace twofold {

/// One a space. Each duty that a change of the space returned is posted as a new generation. A
/// processor that runs the space invalidates and acknowledges the generation that it had read
/// before; one that does not run it invalidates before it enters. Until then the references that
/// the space gave up still count: a frame with such a reference is neither free, nor anybody's to
/// take over.
///
/// post(), retire() and collect() are for who changes the space, one at a time; enter(), leave()
/// and acknowledge() for each processor.
class Shootdown {
  public:
    using Generation = std::uint64_t;
    static constexpr unsigned max_processors = 64;
    /// References that can wait at once: what promotion of 2 MiB gives up, and as much again.
    static constexpr std::uint32_t capacity = 1024;

    explicit Shootdown(unsigned processors) : processors_(processors) {}
    Shootdown(Shootdown const&) = delete;
    Shootdown& operator=(Shootdown const&) = delete;

    /// The space has changed and its duty asks for invalidation on every processor. Returns what
    /// each must acknowledge. To be followed by an interrupt to those that run the space.
    Generation post() { return posted_.fetch_add(1) + 1; }
    [[nodiscard]] Generation posted() const { return posted_.load(); }

    /// Processor `number` is about to run the space. It must invalidate (INVEPT of the space) and
    /// acknowledge before it does if this says so.
    [[nodiscard]] bool enter(unsigned number) {
        running_.fetch_or(std::uint64_t{1} << number);
        return must_invalidate(number);
    }
    /// Processor `number` runs the space no longer. What it has cached stays cached: the next
    /// enter() sees to it.
    void leave(unsigned number) { running_.fetch_and(~(std::uint64_t{1} << number)); }

    [[nodiscard]] bool must_invalidate(unsigned number) const {
        return acknowledged_[number].load() < posted_.load();
    }
    /// Processor `number` has invalidated since it read `generation` from posted().
    void acknowledge(unsigned number, Generation generation) {
        acknowledged_[number].store(generation);
    }
    /// No processor can use a translation from before `generation`.
    [[nodiscard]] bool complete(Generation generation) const {
        std::uint64_t const running = running_.load();
        for (unsigned number = 0; number < processors_; ++number) {
            bool const runs = (running >> number & 1) != 0;
            if (runs && acknowledged_[number].load() < generation) return false;
        }
        return true;
    }

    /// References that may be retired before some must be collected.
    [[nodiscard]] std::uint32_t room() const { return capacity - count_; }
    [[nodiscard]] std::uint32_t waiting() const { return count_; }

    /// Takes over one reference at `level` to `frame`, to be released after the generation that
    /// will be posted next. There must be room.
    void retire(Hpa frame, unsigned level) {
        retired_[(first_ + count_) % capacity] = {frame, level, posted_.load() + 1};
        ++count_;
    }
    /// Releases what no processor can reach any more. Returns how many references that were.
    std::uint32_t collect(FramePool& pool) {
        std::uint32_t released = 0;
        while (count_ > 0) {
            Retired const& oldest = retired_[first_];
            if (oldest.after > posted_.load() || !complete(oldest.after)) break;
            pool.release(oldest.frame, oldest.level);
            first_ = (first_ + 1) % capacity;
            --count_;
            ++released;
        }
        return released;
    }

  private:
    struct Retired {
        Hpa frame;
        unsigned level = 0;
        Generation after = 0;
    };

    unsigned processors_;
    std::atomic<Generation> posted_ = 0;
    std::atomic<std::uint64_t> running_ = 0;
    std::array<std::atomic<Generation>, max_processors> acknowledged_{};
    std::array<Retired, capacity> retired_{};
    std::uint32_t first_ = 0;
    std::uint32_t count_ = 0;
};

} // namespace twofold
