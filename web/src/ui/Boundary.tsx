import { Component, type ReactNode } from "react";

export interface BoundaryProps {
  /** Shown in the place of what could not be drawn. */
  fallback: (error: Error) => ReactNode;
  /** Another one, and it is tried again. */
  resetKey?: string;
  children: ReactNode;
}

/** Keeps a fault in one part of the page from taking the rest with it. */
export class Boundary extends Component<BoundaryProps, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override componentDidUpdate(before: BoundaryProps): void {
    if (before.resetKey !== this.props.resetKey && this.state.error !== null) this.setState({ error: null });
  }

  override render(): ReactNode {
    return this.state.error === null ? this.props.children : this.props.fallback(this.state.error);
  }
}
