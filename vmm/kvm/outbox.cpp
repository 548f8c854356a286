#include "kvm/outbox.hpp"

#include "system/failure.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace twofold::vmm::kvm {

namespace {
/// Bytes of console that may wait.
constexpr std::size_t console_limit = std::size_t{256} << 10;
/// So much of it is worth waking the reader at once.
constexpr std::size_t console_worth_waking = std::size_t{32} << 10;
} // namespace

Outbox::Outbox() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_.open()) throw SystemFailure{"can't make an event", errno};
}

void Outbox::announce(When when) {
    bool const known = when == When::now ? std::exchange(urgent_, true) : announced_;
    announced_ = true;
    std::uint64_t const one = 1;
    if (!known) (void)!write(event_.get(), &one, sizeof one);
}

void Outbox::forget_event() {
    std::uint64_t count = 0;
    (void)!read(event_.get(), &count, sizeof count);
}

void Outbox::put_console(std::string_view bytes) {
    std::unique_lock lock{mutex_};
    taken_.wait(lock, [this] { return closed_ || contents_.console.size() < console_limit; });
    contents_.console += bytes;
    announce(contents_.console.size() >= console_worth_waking ? When::now : When::soon);
}

void Outbox::put_report(std::string line) {
    std::lock_guard const lock{mutex_};
    contents_.report.push_back(std::move(line));
    announce(When::soon);
}

void Outbox::finish() {
    std::lock_guard const lock{mutex_};
    contents_.finished = true;
    announce(When::now);
}

bool Outbox::wait_for_more() {
    std::lock_guard const lock{mutex_};
    if (urgent_) return false;
    forget_event();
    announced_ = true;
    return true;
}

Outbox::Contents Outbox::take() {
    std::lock_guard const lock{mutex_};
    forget_event();
    announced_ = false;
    urgent_ = false;
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
