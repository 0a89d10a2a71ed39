/** A picture of the results. It may be missing: then a sentence stands in its place. */

import { useState } from "react";

export interface ResultPictureProps {
  /** Null without a picture. */
  address: string | null;
  /** Content of the picture in words. */
  text: string;
  /** Sentence without the picture. */
  absent: string;
}

export function ResultPicture({ address, text, absent }: ResultPictureProps) {
  const [failed, setFailed] = useState<string | null>(null);
  if (address === null || failed === address) return <p className="hint">{absent}</p>;
  return (
    <figure className="result-picture">
      <img src={address} alt={text} loading="lazy" decoding="async" onError={() => setFailed(address)} />
    </figure>
  );
}
