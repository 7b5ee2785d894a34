// UniqueFunction: a move-only std::function, for callbacks that own what they need.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace gregor {

template <class Signature>
class UniqueFunction;

template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> &&
             std::is_invocable_r_v<R, F&, Args...>)
  UniqueFunction(F&& f)
      : call_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(f))) {}  // NOLINT

  R operator()(Args... args) { return call_->invoke(std::forward<Args>(args)...); }
  explicit operator bool() const { return call_ != nullptr; }

 private:
  struct Call {
    virtual ~Call() = default;
    virtual R invoke(Args... args) = 0;
  };
  template <class F>
  struct Holder final : Call {
    explicit Holder(F f) : function(std::move(f)) {}
    R invoke(Args... args) override { return function(std::forward<Args>(args)...); }
    F function;
  };
  std::unique_ptr<Call> call_;
};

}  // namespace gregor
