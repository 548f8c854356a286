#include "kvm/outbox.hpp"

#include "system/failure.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <utility>

namespace twofold::vmm::kvm {

namespace {
/// Bytes of console that may wait.
constexpr std::size_t console_limit = std::size_t{256} << 10;
} // namespace

Outbox::Outbox() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_.open()) throw SystemFailure{"can't make an event", errno};
}

void Outbox::announce() { eventfd_write(event_.get(), 1); }

void Outbox::put_console(std::string_view bytes) {
    std::unique_lock lock{mutex_};
    taken_.wait(lock, [this] { return closed_ || contents_.console.size() < console_limit; });
    bool const first = contents_.console.empty();
    contents_.console += bytes;
    if (first) announce();
}

void Outbox::put_report(std::string line) {
    std::lock_guard const lock{mutex_};
    contents_.report.push_back(std::move(line));
    announce();
}

void Outbox::finish() {
    std::lock_guard const lock{mutex_};
    contents_.finished = true;
    announce();
}

Outbox::Contents Outbox::take() {
    std::lock_guard const lock{mutex_};
    eventfd_t ignored = 0;
    eventfd_read(event_.get(), &ignored);
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
