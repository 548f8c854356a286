#include "kvm/outbox.hpp"

#include "system/failure.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace twofold::vmm::kvm {

namespace {
/// Bytes of console that may wait.
constexpr std::size_t console_limit = std::size_t{256} << 10;
/// So much of it is worth waking the reader at once.
constexpr std::size_t console_worth_waking = std::size_t{32} << 10;
constexpr long soon_nanoseconds = 1'000'000;
/// Lines of the report come with the next of the console or with the end, unless they are so many:
/// nobody looks at them before.
constexpr std::size_t lines_worth_waking = 64;
} // namespace

Outbox::Outbox() : timer_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    if (!timer_.open()) throw SystemFailure{"can't make a timer", errno};
}

void Outbox::announce(When when) {
    if (announced_ && when == When::soon) return;
    itimerspec const at{.it_interval = {},
                        .it_value = {0, when == When::now ? 1 : soon_nanoseconds}};
    (void)timerfd_settime(timer_.get(), 0, &at, nullptr);
    announced_ = true;
}

void Outbox::put_console(std::string_view bytes) {
    std::unique_lock lock{mutex_};
    taken_.wait(lock, [this] { return closed_ || contents_.console.size() < console_limit; });
    std::size_t const before = contents_.console.size();
    contents_.console += bytes;
    bool const much =
        before < console_worth_waking && contents_.console.size() >= console_worth_waking;
    announce(much ? When::now : When::soon);
}

void Outbox::put_report(std::string line) {
    std::lock_guard const lock{mutex_};
    contents_.report.push_back(std::move(line));
    if (contents_.report.size() >= lines_worth_waking) announce(When::soon);
}

void Outbox::finish() {
    std::lock_guard const lock{mutex_};
    contents_.finished = true;
    announce(When::now);
}

Outbox::Contents Outbox::take() {
    std::lock_guard const lock{mutex_};
    std::uint64_t expirations = 0;
    (void)!read(timer_.get(), &expirations, sizeof expirations);
    announced_ = false;
    taken_.notify_all();
    bool const finished = contents_.finished;
    auto contents = std::exchange(contents_, {});
    contents_.finished = finished;
    return contents;
}

void Outbox::close() {
    std::lock_guard const lock{mutex_};
    closed_ = true;
    taken_.notify_all();
}

} // namespace twofold::vmm::kvm
